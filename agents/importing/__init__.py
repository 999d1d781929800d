"""Import: what is known of people from elsewhere, as events that tell and trigger nothing."""
