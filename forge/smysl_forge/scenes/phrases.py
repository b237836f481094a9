"""How people tell that things came, went, and what they ask about them. Templates only (see `cast`)."""



GAINS = (
    "{S} [buy|buys|bought] {n} more {t}", "{S} [buy|buys|bought] {n} more", "{S} [buy|buys|bought] {n} {t}",
    "{S} [get|gets|got] {n} more {t}", "{S} [get|gets|got] {n} more", "{S} [get|gets|got] another {n}",
    "{S} [get|gets|got] {n} more from {F}", "{S} [get|gets|got] {n} {t} as a present",
    "{S} [find|finds|found] {n} more {t}", "{S} [find|finds|found] another {n} {t}",
    "{S} [find|finds|found] {n} {t} in the street", "{S} [find|finds|found] {n} more at home",
    "{S} [receive|receives|received] {n} {t} from {F}", "{S} [receive|receives|received] {n} more {t}",
    "{S} [are|is|was] given {n} more {t}", "{S} [are|is|was] given {n} more by {F}",
    "{F} [gives|gave] {him} {n} more {t}", "{F} [gives|gave] {him} {n} {t}", "{F} [gives|gave] {him} {n} more",
    "{F} [brings|brought] {him} {n} more {t}", "{F} [sends|sent] {him} {n} {t}",
    "{S} [win|wins|won] {n} {t} in a game", "{S} [win|wins|won] {n} more", "{S} [borrow|borrows|borrowed] {n} {t} from {F}",
    "{S} [add|adds|added] {n} more", "{S} [add|adds|added] another {n} {t}", "{S} [pick|picks|picked] up {n} more",
    "{S} [collect|collects|collected] {n} more {t}", "{S} [take|takes|took] {n} {t} from {F}",
    "{S} [order|orders|ordered] {n} more online", "{S} [bring|brings|brought] home {n} more {t}",
    "{S} [make|makes|made] {n} more {t}", "{S} [purchase|purchases|purchased] {n} additional {t}",
    "{S} [gain|gains|gained] {n} {t}", "{S} [get|gets|got] {n} new {t}", "{F} [lends|lent] {him} {n} {t}",
)  # fmt: skip
LOSSES = (
    "{S} [give|gives|gave] {n} {t} to {F}", "{S} [give|gives|gave] {n} to {F}", "{S} [give|gives|gave] away {n} {t}",
    "{S} [give|gives|gave] {n} away", "{S} [give|gives|gave] {n} of them to {F}", "{S} [give|gives|gave] {F} {n} {t}",
    "{S} [give|gives|gave] {F} {n} of them", "{S} [give|gives|gave] {F} {n}",
    "{S} [lose|loses|lost] {n} {t}", "{S} [lose|loses|lost] {n} of them", "{S} [lose|loses|lost] {n}",
    "{S} [sell|sells|sold] {n} {t}", "{S} [sell|sells|sold] {n} of them", "{S} [sell|sells|sold] {n} to {F}",
    "{S} [break|breaks|broke] {n} {t}", "{S} [break|breaks|broke] {n} of them", "{S} [use|uses|used] {n} {t}",
    "{S} [use|uses|used] up {n} of them", "{S} [use|uses|used] {n}", "{S} [throw|throws|threw] away {n} {t}",
    "{S} [throw|throws|threw] {n} of them away", "{S} [drop|drops|dropped] {n} {t} into the river",
    "{S} [donate|donates|donated] {n} {t}", "{S} [donate|donates|donated] {n} of them to a charity",
    "{S} [lend|lends|lent] {n} {t} to {F}", "{S} [share|shares|shared] {n} {t} with {F}",
    "{F} [takes|took] {n} {t} from {him}", "{F} [takes|took] {n} of them", "{F} [borrows|borrowed] {n} {t} from {him}",
    "{F} [breaks|broke] {n} of them", "{S} [put|puts|put] {n} {t} aside for {F}", "{S} [return|returns|returned] {n} {t}",
    "{S} [send|sends|sent] {n} {t} to {F}", "{S} [trade|trades|traded] away {n} of them",
    "{n} {t} [get|got] lost", "{n} of them [break|broke]", "{n} of the {t} [are|were] stolen", "{S} [misplace|misplaces|misplaced] {n} {t}",
    "{S} [hand|hands|handed] out {n} {t}", "{S} [leave|leaves|left] {n} {t} at school", "{S} [remove|removes|removed] {n}",
)  # fmt: skip
EATEN = (
    "{S} [eat|eats|ate] {n}", "{S} [eat|eats|ate] {n} {t}", "{S} [eat|eats|ate] {n} of them",
    "{S} [eat|eats|ate] {n} {t} for breakfast", "{S} [eat|eats|ate] {n} for lunch", "{F} [eats|ate] {n} of them",
    "{F} [eats|ate] {n} {t}", "{S} and {F} [eat|ate] {n} {t}", "{n} {t} [go|went] bad", "{n} of them [are|were] rotten",
    "{S} [burn|burns|burned] {n} of them", "the dog [eats|ate] {n} of the {t}", "{S} [cook|cooks|cooked] {n} of them",
)  # fmt: skip
STARTS = (
    "{S} [have|has|had] {n} {t}", "{S} [have|has|had] {n} {t}", "{S} [have|has|had] {n} {t}", "{S} [own|owns|owned] {n} {t}",
    "{S} [start|starts|started] with {n} {t}", "at first {S} [have|has|had] {n} {t}", "there [are|were] {n} {t} in {owner} {c}",
    "{S} [buy|buys|bought] {n} {t}", "{S} [have|has|had] {n} {t} in a {c}", "{S} [collect|collects|collected] {n} {t}",
    "{S} [begin|begins|began] with {n} {t}", "{S} [keep|keeps|kept] {n} {t} in a {c}", "{S} [get|gets|got] {n} {t}",
    "{S} [pick|picks|picked] {n} {t}", "{S} [have|has|had] a {c} with {n} {t}", "{S} [take|takes|took] {n} {t} to school",
    "in the morning, {S} [have|has|had] {n} {t}", "{S} [find|finds|found] {n} {t}", "{S} [have|has|had] a collection of {n} {t}",
)  # fmt: skip
NOW = (
    "How many {t} does {S} have now?", "How many {t} does {S} have?", "How many {t} are there now?",
    "How many does {S} have now?", "How many {t} does {S} have in the end?", "How many {t} {have} {S} got now?",
    "How many {t} does {S} have in total?", "What is the number of {t} {S} [have|has|has] now?",
    "Calculate how many {t} {S} [have|has|has] now.", "Find the number of {t} {S} [have|has|has] at the end.",
    "Work out how many {t} {S} [have|has|has] now.", "How many {t} will {S} have?", "How many {t} did {S} end up with?",
    "Now how many {t} does {S} have?", "How many {t} is that now?", "So how many {t} does {S} have?",
    "Tell me how many {t} {S} [have|has|has] now.", "What is the final number of {t}?", "How many {t} now?",
    "How many {t} does {S} have after that?", "How many {t} does {S} have at the end of the day?",
    "Can you tell how many {t} {S} [have|has|has] now?", "how many {t} does {S} have now", "how many now?",
)  # fmt: skip
LEFT = (
    "How many {t} are left?", "How many {t} does {S} have left?", "How many are left?", "How many {t} remain?",
    "How many {t} are remaining?", "How many {t} does {S} still have?", "What's left?", "How many does {S} have left?",
    "How many {t} {have} {S} got left?", "Find how many {t} are left.", "How many {t} were left over?", "how many left?",
    "How many {t} did {S} have left?", "Calculate the number of {t} left.", "How many {t} will be left?", "how many remain",
    "How many are there still?", "How many {t} does that leave {him}?", "What is the number of remaining {t}?",
    "Work out the number of {t} that remain.", "how many {t} are left",
)  # fmt: skip
ALTOGETHER = (
    "How many {t} are there altogether?", "How many {t} are there in total?", "How many {t} are there in all?",
    "What is the total number of {t}?", "How many {t} is that altogether?", "Find the total number of {t}.",
    "How many {t} in total?", "Calculate the total number of {t}.", "How many {t} is that in all?", "What is the total?",
    "Work out how many {t} there are altogether.", "How many {t} are there?", "How many {t} are there overall?",
    "what's the total number of {t}?", "How many {t} does that make?", "Add up all the {t}.", "how many in total",
)  # fmt: skip
JOINS = (", then ", " and then ", " and ", ". Then ", ", and ", ". After that, ", ". Later, ", "; ")
