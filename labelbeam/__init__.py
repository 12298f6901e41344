"""LabelBeam: raw vision datasets to training-ready JSON Lines, MLTable and Parquet, on Apache Beam."""
