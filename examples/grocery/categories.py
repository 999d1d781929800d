"""The policy's categories, and the shelves of the data set that they stand for.

They are the product categories bought in most baskets, without fuel, alcohol, tobacco and what a shop seldom discounts.
Everything else is `other`: it counts towards a basket, and no action is about it.
"""

from __future__ import annotations

from typing import Final

OTHER: Final = "other"

SHELVES: Final = {
    "BAG SNACKS": "snacks",
    "BAKED BREAD/BUNS/ROLLS": "bread",
    "BAKED SWEET GOODS": "sweet_goods",
    "BEEF": "beef",
    "CANDY - PACKAGED": "candy",
    "CANNED JUICES": "canned_juice",
    "CHEESE": "cheese",
    "COLD CEREAL": "cereal",
    "CONDIMENTS/SAUCES": "condiments",
    "COOKIES/CONES": "cookies",
    "CRACKERS/MISC BKD FD": "crackers",
    "DELI MEATS": "deli_meats",
    "EGGS": "eggs",
    "FLUID MILK PRODUCTS": "milk",
    "FROZEN PIZZA": "frozen_pizza",
    "FRZN MEAT/MEAT DINNERS": "frozen_dinners",
    "ICE CREAM/MILK/SHERBTS": "ice_cream",
    "LUNCHMEAT": "lunchmeat",
    "REFRGRATD JUICES/DRNKS": "juice",
    "SALD DRSNG/SNDWCH SPRD": "dressings",
    "SOFT DRINKS": "soft_drinks",
    "SOUP": "soup",
    "TROPICAL FRUIT": "fruit",
    "VEGETABLES - SHELF STABLE": "canned_vegetables",
    "WATER - CARBONATED/FLVRD DRINK": "sparkling_water",
    "YOGURT": "yogurt",
}
