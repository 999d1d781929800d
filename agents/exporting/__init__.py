"""Export: what the topics say as Parquet files, for people who ask with SQL."""
