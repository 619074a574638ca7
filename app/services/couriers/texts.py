"""What kinds of work and vehicles are called when people read them."""

from collections.abc import Mapping
from types import MappingProxyType

from app.errors import Text
from app.models.couriers import KindOfWork, Vehicle

KINDS_OF_WORK: Mapping[KindOfWork, Text] = MappingProxyType(
    {
        KindOfWork.food_delivery: Text("外卖配送", "food delivery"),
        KindOfWork.parcel_delivery: Text("快递", "parcel delivery"),
        KindOfWork.errand: Text("跑腿代办", "errands"),
        KindOfWork.ride_hailing: Text("网约车", "ride hailing"),
        KindOfWork.freight: Text("货运", "freight"),
        KindOfWork.domestic_service: Text("家政服务", "domestic service"),
        KindOfWork.other: Text("其他", "other work"),
    }
)
"""Kinds of work as a guard reads them out."""

VEHICLES: Mapping[Vehicle, Text] = MappingProxyType(
    {
        Vehicle.on_foot: Text("步行", "on foot"),
        Vehicle.bicycle: Text("自行车", "bicycle"),
        Vehicle.e_bike: Text("电动自行车", "electric bicycle"),
        Vehicle.motorcycle: Text("摩托车", "motorcycle"),
        Vehicle.tricycle: Text("三轮车", "tricycle"),
        Vehicle.car: Text("小客车", "car"),
        Vehicle.van: Text("面包车", "van"),
        Vehicle.truck: Text("货车", "truck"),
    }
)
"""What couriers come on."""
