"""The suite: every task with its length, optimizer, and the half it belongs to."""

from __future__ import annotations

import images
import language
import layers
import rows
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
    Entry("summed_errors", rows.summed_errors, 400, "sgd", REPORTING, "perceptron on 354 patients, summed loss"),
    Entry("likelihood", rows.likelihood, 800, "adamw", TUNING, "mean and spread, a loss below zero"),
    Entry("heavy_momentum", rows.heavy_momentum, 700, "momentum", REPORTING, "momentum 0.98 on Friedman's problem"),
    Entry("one_by_one", rows.one_by_one, 1500, "adam", TUNING, "perceptron on cancer, batch 1"),
    Entry("ratings", rows.ratings, 600, "adagrad", REPORTING, "ratings as products of vectors"),
    Entry("dropped_out", rows.dropped_out, 1200, "adam", TUNING, "dropout on 300 digits"),
    Entry("narrow_bf16", rows.narrow_bf16, 500, "momentum", REPORTING, "bf16 weights, clipped at 1"),
    Entry("adamax_code", rows.adamax_code, 600, "adamax", TUNING, "variational autoencoder of digits"),
    Entry("conv_digits", layers.conv_digits, 400, "adamw", REPORTING, "GroupNorm convolutions, smoothed labels"),
    Entry("residual", layers.residual, 400, "nesterov", TUNING, "BatchNorm residual blocks on signals"),
    Entry("fine_tuned", layers.fine_tuned, 500, "adamw", TUNING, "all layers learn five new digits from 200"),
)
