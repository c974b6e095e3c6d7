"""Notes of cached files."""

from m2m_benchmarks.net.notes import is_intact, note_path, usable, write_note
from m2m_benchmarks.testing import damaged


def test_damage_of_a_file_or_of_its_note_is_noticed(tmp_path, capsys):
    path = tmp_path / 'scene_000.tiff'
    content = bytes(range(256)) * 4
    path.write_bytes(content)
    write_note(path, etag='"1"')
    note = note_path(path).read_bytes()
    assert is_intact(path)
    assert usable(path)
    for harmed, whole in ((path, content), (note_path(path), note)):
        for damage, copy in damaged(whole, 50, 30):
            path.write_bytes(content)
            note_path(path).write_bytes(note)
            harmed.write_bytes(copy)
            capsys.readouterr()
            if usable(path):  # the ETag isn't compared
                assert path.read_bytes() == content, damage
            else:
                assert not path.exists()
                assert f'note: {path} is damaged (' in capsys.readouterr().err


def test_a_note_without_an_end_of_brackets(tmp_path):
    path = tmp_path / 'sessions.csv'
    path.write_text('id')
    note_path(path).write_text('[' * 10**5)
    assert not usable(path)


def test_files_without_a_note(tmp_path):
    path = tmp_path / 'sessions.csv'
    assert not usable(path)
    path.write_text('id')
    assert not is_intact(path)
    assert usable(path)
    assert is_intact(path)
