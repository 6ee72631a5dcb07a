import importlib
import sys
import types


class Later(types.ModuleType):
    """In the place of torch's compiler until something is compiled. Every optimizer imports it to say that it is not to be
    compiled, which takes a second in each of a run's two processes.
    """

    disable = staticmethod(lambda function, *_, **__: function)
    graph_break = staticmethod(lambda: None)

    def __getattr__(self, name):
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(importlib.import_module(self.__name__), name)


sys.modules["torch._dynamo"] = Later("torch._dynamo")


