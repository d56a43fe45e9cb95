from importlinter.cli import lint_imports


def test_imports_run_one_way(capsys):
    code = lint_imports(no_cache=True)
    assert code == 0, capsys.readouterr().out
