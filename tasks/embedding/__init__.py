"""Text to vectors: the Embedder protocol and the sentence-transformers model behind it. Knows no other room."""
