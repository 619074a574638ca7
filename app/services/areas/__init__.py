"""Areas: the GB/T 2260 tree of city, district, street and community."""
