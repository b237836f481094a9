"""TensorRT-LLM's interface over a small model in numpy, made from the signatures in
tests/data/tensorrt_llm: what the library would refuse, this refuses. `site.write_site` makes the
folder that a Python finds it in as `tensorrt_llm`; nothing else ever does."""
