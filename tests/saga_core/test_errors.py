import pickle

from saga_core.errors import SagaError, StageError, UserError


def test_an_error_is_one_line_of_what_where_remedy() -> None:
    error = UserError("it is\nwrong", "here", "do this")
    assert str(error) == "here: it is wrong; do this"
    assert str(SagaError("alone")) == "alone"


def test_errors_survive_the_way_between_processes() -> None:
    # Processes of a pool hand exceptions on this way.
    error = pickle.loads(pickle.dumps(StageError("what", "where", "remedy")))
    assert isinstance(error, StageError)
    assert (str(error), error.exit_code, UserError.exit_code) == ("where: what; remedy", 1, 2)
