"""惠新码: signed identity codes for couriers, the gates that scan them, and the record of every scan."""
