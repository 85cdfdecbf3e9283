"""Facts from the Hugging Face Hub, and the models that ship with the software."""
