"""Where things come from and what becomes of them: lineage of a decision or a version, inventory of a deployment."""
