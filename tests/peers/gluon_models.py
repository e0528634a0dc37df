"""What the tests of GluonNLP's models share."""
import numpy as np
import torch

SIZES = {"num_layers": 2, "units": 32, "max_length": 16, "num_heads": 4}
VOCABULARY = 60


def hidden(model, ids, lengths=None, types=None):
    ids = torch.tensor(ids.astype(np.int64))
    mask = None if lengths is None else (torch.arange(ids.shape[1])[None] < torch.tensor(lengths)[:, None]).long()
    more = {} if types is None else {"token_type_ids": torch.tensor(types.astype(np.int64))}
    with torch.no_grad():
        return model.float().eval()(input_ids=ids, attention_mask=mask, **more)
