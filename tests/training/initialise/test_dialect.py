from training.initialise.dialect import encoding_of

LATIN, UTF8 = "Größe;1\n".encode("cp1252"), "Größe;1\n".encode()


def test_a_question_is_asked_when_some_lines_are_utf8_and_most_are_not() -> None:
    data = LATIN * 30 + UTF8 * 2
    encoding, note = encoding_of(data, [data], "a.csv")
    assert encoding == "cp1252"
    assert note.startswith("QUESTION: encoding: 2 of 32 lines with letters beyond ASCII are UTF-8")


def test_nothing_is_asked_when_all_lines_agree() -> None:
    assert encoding_of(LATIN * 30, [LATIN * 30], "a.csv") == ("cp1252", "")
    assert encoding_of(UTF8 * 30, [UTF8 * 30], "a.csv") == ("utf-8", "")
