"""What employers call the columns of a roster, and the words that stand in them."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from app.models.couriers import DocumentType, KindOfWork, Vehicle
from app.services.couriers.texts import KINDS_OF_WORK, VEHICLES

T = TypeVar("T")

DOCUMENT_COLUMNS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "document_type": ("证件类型", "证件种类", "document type", "id type"),
        "document_number": (
            "证件号码", "证件号", "身份证号", "身份证号码", "身份证", "公民身份号码",
            "document number", "id number",
        ),
    }
)  # fmt: skip
"""The columns that say who somebody is; the key itself is a heading too."""

ROSTER_COLUMNS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "name": ("姓名", "名字", "骑手姓名", "员工姓名", "full name"),
        **DOCUMENT_COLUMNS,
        "phone": ("手机号", "手机号码", "手机", "联系电话", "电话", "mobile", "phone number"),
        "kind_of_work": ("工种", "岗位", "职业", "kind of work", "job"),
        "vehicle": ("车辆", "车辆类型", "交通工具", "vehicle type"),
    }
)
"""The columns of a roster. All others are passed over unread: what is not needed is not taken."""

ROSTER_NEEDS = ("name", "document_number", "phone")
"""Without these three nobody can be verified."""

DEPARTURE_NEEDS = ("document_number",)
"""Who has left is told by the document alone; a roster's own file serves as it is."""

ROW_LIMIT = 10_000
"""Rows of one file, so that the one transaction that stores it stays short: on SQLite no gate can store
a scan meanwhile. Larger rosters come as several files: a file adds and corrects, nobody drops out."""


def _words(*tables: Mapping[T, Sequence[str]]) -> Mapping[str, T]:
    return MappingProxyType(
        {_plain(word): value for table in tables for value, words in table.items() for word in words}
    )


def _plain(word: str) -> str:
    return re.sub(r"[\W_]", "", word.casefold())


DOCUMENT_TYPES: Mapping[str, DocumentType] = _words(
    {type_: (type_.value,) for type_ in DocumentType},
    {
        DocumentType.resident_id: ("身份证", "居民身份证", "二代身份证", "ID card"),
        DocumentType.hk_macao_permit: (
            "港澳居民来往内地通行证", "港澳通行证", "回乡证", "港澳来往内地通行证",
        ),
        DocumentType.taiwan_permit: ("台湾居民来往大陆通行证", "台胞证", "台湾通行证"),
        DocumentType.residence_permit: (
            "港澳台居民居住证", "港澳居民居住证", "台湾居民居住证", "居住证",
        ),
        DocumentType.foreign_permanent_resident_card: (
            "外国人永久居留身份证", "外国人永久居留证", "永久居留证", "永居证",
        ),
    },
)  # fmt: skip
"""Documents by what people call them."""

KINDS: Mapping[str, KindOfWork] = _words(
    {kind: (kind.value, *KINDS_OF_WORK[kind]) for kind in KindOfWork},
    {
        KindOfWork.food_delivery: ("外卖", "外卖骑手", "外卖员", "骑手", "网约配送员"),
        KindOfWork.parcel_delivery: ("快递员", "快递小哥", "揽投员", "快件配送"),
        KindOfWork.errand: ("跑腿", "跑腿员", "代购"),
        KindOfWork.ride_hailing: ("网约车司机", "专车司机"),
        KindOfWork.freight: ("货车司机", "货运司机"),
        KindOfWork.domestic_service: ("家政", "家政员", "保洁", "保姆"),
    },
)
"""Kinds of work by what employers call them."""

VEHICLE_WORDS: Mapping[str, Vehicle] = _words(
    {vehicle: (vehicle.value, *VEHICLES[vehicle]) for vehicle in Vehicle},
    {
        Vehicle.on_foot: ("无", "徒步"),
        Vehicle.bicycle: ("单车", "bike"),
        Vehicle.e_bike: ("电动车", "电瓶车", "两轮电动车", "电单车"),
        Vehicle.tricycle: ("电动三轮车", "三轮"),
        Vehicle.car: ("小汽车", "轿车", "汽车"),
        Vehicle.van: ("微型面包车", "面包"),
        Vehicle.truck: ("卡车", "轻型货车"),
    },
)
"""Vehicles by what people call them."""


def meaning(words: Mapping[str, T], cell: str) -> T | None:
    """What `cell` says in one of the tables of words, in any case and spacing; None for a word unknown."""
    return words.get(_plain(cell))
