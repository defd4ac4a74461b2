"""Asking a language model a stream of questions: lose none, pay once, believe no reply that was not checked."""
