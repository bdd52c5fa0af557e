"""recurrent.safetensors: recurrent networks over time, and their gradients.

Rate units h_t = (1 - a) h_{t-1} + a phi(W h_{t-1} + W_u u_t + b) written out,
and torch.nn.GRU; a linear readout; softmax cross-entropy averaged over the
steps of all trials with weights: those of the mask, times three in the response
period. Outputs, loss, the derivative of the loss with respect to every state
(all that later steps make of it included) and to every parameter, by autograd.

Made with torch 2.15.0, numpy 2.1.3, safetensors 0.8.0; the file names its own
versions.
Rerun: python scripts/golden/recurrent.py [--out FOLDER]
"""
import torch
import torch.nn.functional as F

from common import Draw, out_folder, write

STEPS, BATCH, INPUTS, UNITS, OUTPUTS = 7, 4, 3, 6, 3
RESPONSE, RESPONSE_WEIGHT = (4, 6), 3.0
CASES = {
    "tanh": {"activation": "tanh", "alpha": 1.0},
    "relu": {"activation": "relu", "alpha": 0.3},
    "softplus": {"activation": "softplus", "alpha": 0.5},
    "gru": {},
}
FUNCTIONS = {"tanh": torch.tanh, "relu": F.relu, "softplus": F.softplus}


def parameters(draw, gates):
    shapes = {
        "input.weight": (gates * UNITS, INPUTS),
        "recurrent.weight": (gates * UNITS, UNITS),
        "input.bias": (gates * UNITS,),
        "recurrent.bias": (gates * UNITS,),
        "readout.weight": (OUTPUTS, UNITS),
        "readout.bias": (OUTPUTS,),
    }
    if gates == 1:
        del shapes["recurrent.bias"]
    return {name: draw(*shape).requires_grad_() for name, shape in shapes.items()}


def rate_states(case, own, inputs):
    state, states = torch.zeros(BATCH, UNITS), []
    for step in inputs:
        z = state @ own["recurrent.weight"].T + step @ own["input.weight"].T + own["input.bias"]
        state = (1 - case["alpha"]) * state + case["alpha"] * FUNCTIONS[case["activation"]](z)
        state.retain_grad()
        states.append(state)
    return states


def gru_states(own, inputs):
    """torch.nn.GRUCell, so that every state is a node of the graph."""
    cell = torch.nn.GRUCell(INPUTS, UNITS)
    names = {"weight_ih": "input.weight", "weight_hh": "recurrent.weight",
             "bias_ih": "input.bias", "bias_hh": "recurrent.bias"}
    state, states = torch.zeros(BATCH, UNITS), []
    for step in inputs:
        state = torch.func.functional_call(cell, {k: own[v] for k, v in names.items()}, (step, state))
        state.retain_grad()
        states.append(state)
    whole = torch.nn.GRU(INPUTS, UNITS)
    found, _ = torch.func.functional_call(whole, {f"{k}_l0": own[v] for k, v in names.items()}, (inputs,))
    torch.testing.assert_close(found, torch.stack(states))
    return states


def main():
    out, tensors = out_folder(__doc__), {}
    draw = Draw(12)
    inputs = draw(STEPS, BATCH, INPUTS)
    labels = torch.from_numpy(draw.stream.integers(0, OUTPUTS, (STEPS, BATCH)))
    lengths = torch.tensor([7, 6, 7, 5])
    mask = (torch.arange(STEPS)[:, None] < lengths).double()
    weights = mask.clone()
    weights[RESPONSE[0]:RESPONSE[1]] *= RESPONSE_WEIGHT
    tensors |= {"inputs": inputs, "labels": labels, "mask": mask, "lengths": lengths}
    for name, case in CASES.items():
        own = parameters(draw, 3 if name == "gru" else 1)
        states = gru_states(own, inputs) if name == "gru" else rate_states(case, own, inputs)
        output = torch.stack(states) @ own["readout.weight"].T + own["readout.bias"]
        each = F.cross_entropy(output.flatten(0, 1), labels.flatten(), reduction="none")
        loss = (each * weights.flatten()).sum() / weights.sum()
        loss.backward()
        tensors |= {f"{name}.{key}": value for key, value in own.items()}
        tensors |= {f"{name}.gradient.{key}": value.grad for key, value in own.items()}
        tensors[f"{name}.output"] = output
        tensors[f"{name}.loss"] = loss.reshape(1)
        tensors[f"{name}.signals"] = torch.stack([state.grad for state in states])
    cases = {f"case.{name}": case for name, case in CASES.items()}
    write(out / "recurrent.safetensors", __file__, tensors,
          response=RESPONSE, response_weight=RESPONSE_WEIGHT, **cases)


if __name__ == "__main__":
    main()
