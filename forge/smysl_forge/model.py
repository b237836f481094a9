"""The bundled model's network in torch: an ordinary Llama decoder, small enough to train on two cores.

Knows tensors only. Weight names and maths are those of transformers' `LlamaForCausalLM`, so the checkpoint loads there.
"""

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Hyper-parameters, named as in a Hugging Face Llama config."""

    vocab_size: int = 4096
    hidden_size: int = 192
    intermediate_size: int = 512
    num_hidden_layers: int = 5
    num_attention_heads: int = 6
    num_key_value_heads: int = 6
    head_dim: int = 32
    max_position_embeddings: int = 512
    rope_theta: float = 100000.0
    rms_norm_eps: float = 1e-5


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding (Su et al., 2021), halves layout. x: [rows, heads, time, head dim]."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Attention(nn.Module):
    """Grouped-query attention (Ainslie et al., 2023)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width, head = shape.hidden_size, shape.head_dim
        self.q_proj = nn.Linear(width, shape.num_attention_heads * head, bias=False)
        self.k_proj = nn.Linear(width, shape.num_key_value_heads * head, bias=False)
        self.v_proj = nn.Linear(width, shape.num_key_value_heads * head, bias=False)
        self.o_proj = nn.Linear(shape.num_attention_heads * head, width, bias=False)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: "Cache | None", layer: int
    ) -> Tensor:
        """x: [rows, time, width]. Without a cache attention is causal over x itself."""
        rows, time, _ = x.shape
        s = self.shape

        def heads(y: Tensor, n: int) -> Tensor:
            return y.view(rows, time, n, s.head_dim).transpose(1, 2)

        q = rotate(heads(self.q_proj(x), s.num_attention_heads), cos, sin)
        k = rotate(heads(self.k_proj(x), s.num_key_value_heads), cos, sin)
        v = heads(self.v_proj(x), s.num_key_value_heads)
        mask = None
        if cache is not None:
            k, v, mask = cache.extend(layer, k, v)
        y = attend(q, k, v, mask)
        out: Tensor = self.o_proj(y.transpose(1, 2).reshape(rows, time, -1))
        return out


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Scaled dot-product attention, causal without a mask. q: [rows, heads, time, dim]; k, v: [rows, kv heads, ...].

    Written out, since on a CPU torch's fused kernel takes four times as long in the backward pass at these lengths.
    """
    rows, heads, time, dim = q.shape
    kv, past = k.shape[1], k.shape[2]
    grouped = q.reshape(rows, kv, heads // kv * time, dim)
    scores = torch.matmul(grouped * dim**-0.5, k.transpose(2, 3)).view(rows, heads, time, past)
    if mask is None:
        mask = torch.ones(time, time, dtype=torch.bool).tril()
    weights = scores.masked_fill(~mask, -1e9).softmax(-1).to(v.dtype)
    return torch.matmul(weights.view(rows, kv, heads // kv * time, past), v).view(
        rows, heads, time, dim
    )


class FeedForward(nn.Module):
    """SwiGLU (Shazeer, 2020)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[rows, time, width] to the same."""
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):
    """Pre-norm decoder layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.mlp = FeedForward(shape)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: "Cache | None", index: int
    ) -> Tensor:
        """[rows, time, width] to the same."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, cache, index)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Decoder(nn.Module):
    """The body under the `model.` prefix of a Llama checkpoint."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)


class Llama(nn.Module):
    """Decoder with tied output embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.model = Decoder(shape)
        half = torch.arange(0, shape.head_dim, 2).float() / shape.head_dim
        angles = torch.outer(
            torch.arange(shape.max_position_embeddings).float(), shape.rope_theta**-half
        )
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
        for layer in self.model.layers:
            assert isinstance(layer, Layer)
            scale = 0.02 / (2 * shape.num_hidden_layers) ** 0.5
            nn.init.normal_(layer.self_attn.o_proj.weight, std=scale)
            nn.init.normal_(layer.mlp.down_proj.weight, std=scale)

    def hidden(
        self, ids: Tensor, positions: Tensor | None = None, cache: "Cache | None" = None
    ) -> Tensor:
        """Final hidden states, [rows, time, width], of ids [rows, time]; positions default to 0, 1, 2 ..."""
        assert isinstance(self.cos, Tensor) and isinstance(self.sin, Tensor)
        if positions is None:
            cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        else:
            cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        x = self.model.embed_tokens(ids)
        for index, layer in enumerate(self.model.layers):
            x = layer(x, cos, sin, cache, index)
        out: Tensor = self.model.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., vocabulary] of hidden states [..., width]."""
        return F.linear(hidden, self.model.embed_tokens.weight)


class Cache:
    """Keys and values of left-padded rows, for sampling."""

    def __init__(self, shape: Shape, rows: int, length: int, valid: Tensor) -> None:
        """valid: [rows, prompt time], False where a row is padded."""
        size = (rows, shape.num_key_value_heads, length, shape.head_dim)
        self.keys = [torch.zeros(size) for _ in range(shape.num_hidden_layers)]
        self.values = [torch.zeros(size) for _ in range(shape.num_hidden_layers)]
        self.valid = torch.ones(rows, length, dtype=torch.bool)
        self.valid[:, : valid.shape[1]] = valid
        self.used = 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Store new keys and values of one layer; return all, and the mask [rows, 1, new, all]."""
        new = keys.shape[2]
        end = self.used + new
        self.keys[layer][:, :, self.used : end] = keys
        self.values[layer][:, :, self.used : end] = values
        causal = torch.ones(new, end, dtype=torch.bool).tril(self.used)
        mask = causal & self.valid[:, None, None, :end]
        # a padded query row sees only itself, which keeps softmax finite
        mask = mask | torch.eye(new, end, dtype=torch.bool).roll(self.used, 1)
        if layer == len(self.keys) - 1:
            self.used = end
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end], mask
