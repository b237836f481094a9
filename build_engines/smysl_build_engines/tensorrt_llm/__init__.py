"""The build side of TensorRT-LLM: plan, merge, quantise, compile, check."""
