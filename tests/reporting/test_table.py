from dst_robustness.reporting.table import ROWS_OF_A_PAGE, Table


def test_markdown_by_hand():
    """Bold, caption and header as GitHub reads them."""
    table = Table("What it is.", ["method", "x"], [["SET", "1.0"], ["RigL", "-2.0"]], best=frozenset({(0, 1)}))
    assert table.markdown() == "What it is.\n\n| method | x |\n| --- | --- |\n| SET | **1.0** |\n| RigL | -2.0 |\n"


def test_latex_by_hand():
    """Special characters are escaped, minus signs set as such, and what is too wide is made smaller."""
    table = Table("50% of a_b.", ["method", "x"], [["MEST-r", "1 ± 2"], ["SET", "-2.0"]], frozenset({(1, 1)}))
    assert table.latex("t").splitlines() == [
        r"\begin{table}", r"\centering\footnotesize\setlength{\tabcolsep}{2.5pt}",
        r"\caption{50\% of a\_b.}\label{tab:t}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{lr}", r"\toprule", r"method & x \\", r"\midrule", r"MEST-r & 1 $\pm$ 2 \\",
        r"SET & \textbf{$-$2.0} \\", r"\bottomrule", r"\end{tabular}%", "}", r"\end{table}",
    ]  # fmt: skip
    assert r"\begin{table*}" in table.latex("t", environment="table*")


def test_names_of_columns_stand_upright_where_many_must_fit():
    """Those of words lie: their cells are wide anyway."""
    text = Table("C.", ["method", "Gauss."], [["SET", "1"]], upright=True).latex("t")
    assert r"method & \rotatebox{90}{Gauss.} \\" in text


def test_a_table_longer_than_a_page_becomes_several():
    """A float cannot break over pages; each part has its own label and its own bold cells."""
    rows = [["SET", str(number)] for number in range(ROWS_OF_A_PAGE + 1)]
    text = Table("All of it. More.", ["method", "x"], rows, frozenset({(ROWS_OF_A_PAGE, 1)})).latex("t")
    first, second = text.split("\n\n")
    assert first.count(r" \\") == ROWS_OF_A_PAGE + 1
    assert r"\textbf" not in first
    assert rf"SET & \textbf{{{ROWS_OF_A_PAGE}}} \\" in second
    assert r"\caption{All of it, continued.}\label{tab:t-2}" in second


def test_the_name_of_a_single_scenario_moves_into_the_caption():
    """A column that says the same in every row would not fit beside the numbers on a page."""
    table = Table("C.", ["scenario", "method", "x"], [["d_m", "SET", "1"]], best=frozenset({(0, 2)}))
    assert table.of_one_scenario() == Table("d_m. C.", ["method", "x"], [["SET", "1"]], best=frozenset({(0, 1)}))


def test_names_are_escaped_on_one_line():
    """A name may hold whatever a user's file, folder or layer is called."""
    table = Table("Of a\nb.", ["method"], [[r"a|b\c{d}$e$~^<f>`g`"], ["[x](y)\n| z"]])
    assert table.markdown().splitlines()[-2:] == [
        r"| a\|b\\c{d}$e$\~^\<f\>\`g\` |",
        r"| [x]\(y)\\n\| z |",
    ]
    assert table.latex("t").splitlines()[8:10] == [
        r"a\textbar{}b\textbackslash{}c\{d\}\$e\$\textasciitilde{}\textasciicircum{}\textless{}f\textgreater{}`g` \\",
        r"[x](y)\textbackslash{}n\textbar{} z \\",
    ]
