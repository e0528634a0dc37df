"""Bort models of the real gluonnlp with random values. bort_models.py FILE: one of the published size, for bench/compare."""
import sys

import gluonnlp
import mxnet as mx
import numpy as np
from gluonnlp.model.bert import BERTEncoder

PUBLISHED = {"attention_cell": "multi_head", "num_layers": 4, "units": 1024, "hidden_size": 768, "max_length": 512,
             "num_heads": 8, "scaled": True, "dropout": 0.1, "use_residual": True, "embed_size": 1024,
             "embed_dropout": 0.1, "word_embed": None, "layer_norm_eps": 1e-5, "token_type_vocab_size": 2,
             "vocab_size": 50265}
TINY = {**PUBLISHED, "num_layers": 2, "units": 32, "hidden_size": 24, "max_length": 40, "num_heads": 4,
        "embed_size": 32, "vocab_size": 97}


def make_bort(sizes, decoder=False, seed=0, scale=0.04):
    """A gluonnlp BERTModel as Bort's authors build it, with weights N(0, scale), scales 1 + 0.2 N, shifts 0.2 N."""
    encoder = BERTEncoder(attention_cell=sizes["attention_cell"], num_layers=sizes["num_layers"], units=sizes["units"],
                          hidden_size=sizes["hidden_size"], max_length=sizes["max_length"],
                          num_heads=sizes["num_heads"], scaled=sizes["scaled"], dropout=sizes["dropout"],
                          output_attention=False, output_all_encodings=False, use_residual=sizes["use_residual"],
                          activation="gelu", layer_norm_eps=sizes["layer_norm_eps"])
    model = gluonnlp.model.BERTModel(encoder, sizes["vocab_size"], units=sizes["units"], embed_size=sizes["embed_size"],
                                     embed_dropout=sizes["embed_dropout"], word_embed=None, use_pooler=False,
                                     use_token_type_embed=False, token_type_vocab_size=2, use_classifier=False,
                                     use_decoder=decoder)
    model.initialize(ctx=mx.cpu())
    masked = [mx.nd.array([[1]])] if decoder else []
    model(mx.nd.array([[1, 2]]), [], None, *masked)  # gluon settles shapes at the first run
    random = np.random.RandomState(seed)
    for name, parameter in model.collect_params().items():
        values = random.standard_normal(parameter.shape).astype("float32")
        values *= 0.2 if name.endswith(("gamma", "beta")) else scale
        parameter.set_data(mx.nd.array(values + 1 if name.endswith("gamma") else values))
    return model


if __name__ == "__main__":
    make_bort(PUBLISHED).save_parameters(sys.argv[1])
