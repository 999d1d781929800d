"""A real grocery chain's year: 2,469 households, 155,848 baskets, 1,469,307 purchase lines."""
