"""Predicting memory, speed and cost of serving a model on GPUs. Pure: values in, values out."""
