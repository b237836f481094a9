"""Engines that TensorRT-LLM runs."""
