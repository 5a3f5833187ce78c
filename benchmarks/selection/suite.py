"""The suite: every task with its length, optimizer, and the half it belongs to."""

from __future__ import annotations

import images
import language
import tables
from setup import Entry

TUNING, REPORTING = "tuning", "reporting"

SUITE: tuple[Entry, ...] = (
    Entry("logistic", tables.logistic, 800, "sgd", TUNING, "logistic regression on cancer, large batch, convex"),
    Entry("tiny_batch", tables.tiny_batch, 1200, "momentum", REPORTING, "perceptron on wine, batch 2"),
    Entry("regression", tables.regression, 600, "adamw", REPORTING, "BatchNorm perceptron on Friedman's problem"),
    Entry("memorised", tables.memorised, 600, "rmsprop", TUNING, "wide perceptron on 105 irises"),
    Entry("autoencoder", images.autoencoder, 800, "lion", TUNING, "autoencoder of patches of a photograph"),
    Entry("coordinates", images.coordinates, 600, "nadam", REPORTING, "a photograph as a function of the place"),
    Entry("denoiser", images.denoiser, 400, "nesterov", TUNING, "BatchNorm denoiser of patches, summed loss"),
    Entry("deep_tanh", images.deep_tanh, 600, "momentum", REPORTING, "eleven tanh layers on digits"),
    Entry("wrong_labels", images.wrong_labels, 900, "adamw", REPORTING, "600 digits, 40 % of the labels random"),
    Entry("layer_norm_bf16", images.layer_norm_bf16, 700, "adam", TUNING, "LayerNorm perceptron, bf16 autocast"),
    Entry("contrastive", images.contrastive, 700, "momentum", TUNING, "two masked views of a digit find each other"),
    Entry("fine_tuned_head", images.fine_tuned_head, 900, "adagrad", REPORTING, "the head of a frozen perceptron"),
    Entry("post_norm", language.post_norm, 300, "adam", REPORTING, "post-LN transformer without warmup", 0.0),
    Entry("lstm", language.lstm, 400, "sgd", REPORTING, "LSTM on bytes, clipped at 0.25"),
    Entry("gru", language.gru, 500, "rmsprop", TUNING, "GRU on signals, clipped at 1"),
    Entry("bytes_bf16", language.bytes_bf16, 700, "adamw", TUNING, "byte n-gram model, bf16 weights"),
    Entry("sparse_words", language.sparse_words, 600, "adagrad", TUNING, "bag of words, sparse gradients"),
)
