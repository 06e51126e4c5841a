"""An MLServer runtime for one ONNX file, as its documentation shows to write one: numpy in, ONNX Runtime, numpy out."""

import numpy
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxModel(MLModel):
    """Loads the file that the model's `uri` names; one thread, as its workers are several."""

    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.settings.parameters.uri, options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feeds = {}
        for given in payload.inputs:
            if given.datatype == "BYTES":
                feeds[given.name] = numpy.array(StringCodec.decode_input(given), dtype=object).reshape(given.shape)
            else:
                feeds[given.name] = NumpyCodec.decode_input(given)
        names = [output.name for output in self.session.get_outputs()]
        values = self.session.run(names, feeds)
        outputs = [NumpyCodec.encode_output(name, value) for name, value in zip(names, values)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
