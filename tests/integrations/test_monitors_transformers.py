"""Attention logits and log Z of the models of transformers."""

import math

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

import surefoot.torch as st
from surefoot.torch.monitors.taps import attentions

LLAMA = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16,
}


def watched(model, run, **options):
    sgd = torch.optim.SGD(model.parameters(), lr=1e-3)
    with st.Monitors(model, sgd, **options) as monitors:
        run().backward()
        sgd.step()
    return monitors


def test_llama_and_bert_are_understood_with_their_output():
    torch.manual_seed(0)
    llama, tokens = LlamaForCausalLM(LlamaConfig(**LLAMA)), torch.arange(8)[None]
    monitors = watched(
        llama, lambda: llama(tokens, labels=tokens).loss, which=("attention_logit", "log_z"), logits="lm_head"
    )
    said = monitors.read()
    # At initialisation logits are small, so that log Z is ln(classes).
    assert said["log_z"] == pytest.approx(math.log(32), rel=0.01)
    assert 0 < said["attention_logit"] < 1
    assert [layer.name for layer in monitors.layers()] == [f"model.layers.{k}.self_attn" for k in range(2)]
    bert = BertModel(
        BertConfig(vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=4, intermediate_size=16)
    )
    assert [name.endswith("attention.self") for name in attentions(bert)] == [True]


def test_attention_that_is_not_understood_is_left_out_rather_than_misread():
    qwen = Qwen3ForCausalLM(Qwen3Config(**LLAMA, head_dim=4))
    assert attentions(qwen) == {}
    assert attentions(nn.Sequential(nn.Linear(2, 2))) == {}
