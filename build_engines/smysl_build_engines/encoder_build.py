"""Turns an encoder's checkpoint into a published engine: write, verify, publish.

Knows the order of the steps; how each is done is in its own module.
"""

import shutil
from pathlib import Path

from smysl_build_engines.build import Built, Progress, publish, write_manifest_of
from smysl_build_engines.encoder_folder import EncoderCheckpoint
from smysl_build_engines.encoder_plan import EncoderPlan
from smysl_build_engines.store import EngineStore
from smysl_engines.manifest import Manifest


def build_encoder(
    checkpoint: EncoderCheckpoint,
    wanted: EncoderPlan,
    store: EngineStore,
    progress: Progress,
    force: bool = False,
) -> Built:
    """As `build` does for a decoder. Raises any `BuildError`; then the store is as before."""

    def compile_into(folder: Path) -> Manifest:
        return _compile(checkpoint, wanted, folder, progress)

    return publish(wanted, store, compile_into, progress, force)


def _compile(
    checkpoint: EncoderCheckpoint, wanted: EncoderPlan, folder: Path, progress: Progress
) -> Manifest:
    # onnx and onnxruntime, which finding an engine already built must not pay for
    from smysl_build_engines.encoder_graph import write_encoder_graph
    from smysl_build_engines.encoder_verify import verify_encoder
    from smysl_engines.onnx_model import GRAPH_FILE, WEIGHTS_FILE

    encoder, weights = checkpoint.encoder, checkpoint.weights
    context = wanted.architecture.context
    progress(f"writing the graph and its {wanted.precision} weights")
    write_encoder_graph(encoder, weights, wanted.recipe, folder, context, progress)
    for file in checkpoint.passed_on:
        shutil.copyfile(file, folder / file.name)
    progress("comparing the encoder with the float32 reference")
    verification = verify_encoder(
        folder / GRAPH_FILE, encoder, weights, wanted.encoder.pooling, context, wanted.precision
    )
    names = [GRAPH_FILE, WEIGHTS_FILE, *(file.name for file in checkpoint.passed_on)]
    return write_manifest_of(wanted, folder, names, verification, encoder=wanted.encoder)
