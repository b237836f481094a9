"""Kinds of things with what people do with them: how one has, gains and loses stamps, muffins, hens, files, points.

Words and sentence grammars only (see `forms_voice`); no arithmetic.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from smysl_forge.lexicon import pseudo
from smysl_forge.scenes.nouns import Noun, _nouns


class Theme(NamedTuple):
    """Things of one kind and how they come and go."""

    things: list[Noun]
    have: str
    """Verbs that agree with the hero, as alternatives."""
    gain: str
    """Clauses with `{g}` the number gained and `{ts}` the things."""
    loss: str
    """Clauses with `{l}` the number lost."""
    top: int
    """Most that one person would have."""
    small: bool = False
    """Whether one would put them into bags and boxes or share them out."""


_GAIN = (
    "{A} [get] {g} more|{A} [receive] {g} more {ts}|{A} [be] given {g} more|{B1} <give> {him} {g} more {ts}|{A} [get] another {g} from {B1}"
    "|{g} more {ts} {come} from {B1}|{A} [pick] up {g} more|{A} [find] {g} extra {ts}|{B1} <bring> {him} {g} {ts}"
)
_LOSS = (
    "{A} [give] {l} {ts} to {B1}|{A} [give] away {l} {ts}|{A} [give] {l} of them to {B1}|{A} [hand] {l} of them over to {B1}|{A} [let] {B1} have {l} of them"
    "|{B1} <take> {l} of them|{l} of them {are} given to {B1}|{A} [part] with {l} of the {ts}|{A} [lose] {l} of them"
)
THEMES = (
    Theme(_nouns("stamp, coin, badge, postcard, trading card, football card, seashell, fossil, fridge magnet, sticker, comic, marble, old map, toy soldier, model car, bottle cap, autograph, mineral, key ring, vinyl record"),
          "([have]|[own]|[keep]|[collect]|[possess])",
          _GAIN + "|{A} [buy] {g} more at a flea market|{A} [win] {g} {ts} in a raffle|{A} [inherit] {g} more|{A} [swap] something for {g} more {ts}|{A} [add] {g} to the collection",
          _LOSS + "|{A} [sell] {l} {ts} online|{A} [trade] {l} of them away|{l} {ts} {go} missing|{A} [donate] {l} to a museum|{l} {ts} {get} stolen|{A} [misplace] {l} of them", 300, True),
    Theme(_nouns("apple, muffin, cookie, plum, pancake, strawberry, dumpling, peach/peaches, donut, egg, mango/mangoes, chocolate, walnut, grape, sandwich, pretzel, samosa, biscuit, fig, tangerine, slice of pizza/slices of pizza, olive, candy, radish, croissant"),
          "([have]|[have]|[buy]|[bring]|[get])",
          _GAIN + "|{A} [buy] {g} more|{A} [fetch] {g} more from the kitchen|{A} [grab] {g} more {ts}|{A} [take] another {g} from the basket",
          _LOSS + "|{A} [eat] {l}|{A} [eat] {l} of them for breakfast|{B1} <eat> {l} of them|{A} [drop] {l} on the floor|the dog {ate} {l}|{l} of the {ts} {go} bad|{l} {are} rotten and had to be thrown away|{A} [use] {l} {ts} for a cake|{A} [share] {l} with the neighbours|{A} [feed] {l} to the birds", 60, True),
    Theme(_nouns("pencil, pen, marker, notebook, crayon, eraser, folder, envelope, paper clip, sheet of paper/sheets of paper, sticky note, paintbrush, textbook, glue stick, battery, candle, light bulb, plastic cup, paper plate, napkin"),
          "([have]|[have]|[buy]|[own]|[store])",
          _GAIN + "|{A} [buy] {g} more|{A} [order] {g} new ones|{A} [borrow] {g} from {B1}|{A} [find] {g} more in a drawer",
          _LOSS + "|{A} [lend] {l} to {B1}|{A} [use] up {l} of them|{A} [throw] {l} of them out|{A} [break] {l}|{A} [leave] {l} at school|{l} of them {are} broken, so {A} [throw] them away", 120, True),
    Theme(_nouns("hen, cow, goat, sheep/sheep, duck, rabbit, goose/geese, pig, horse, beehive, turkey, donkey, alpaca, ostrich, pigeon, lamb"),
          "([have]|[keep]|[own]|[raise])",
          "{A} [buy] {g} more|{A} [buy] {g} {ts} at the market|{g} more {are} born|a neighbour {gave} {him} {g} more|{g} new {ts} {come} to the farm|{A} [get] {g} more {ts} from {B1}",
          "{A} [sell] {l}|{A} [sell] {l} of them|{l} of them {ran} away|a fox {took} {l}|{l} {are} sold to {B1}|{A} [give] {l} {ts} to {B1}|{l} {ts} {got} lost|{A} [trade] {l} of them for a tractor", 90),
    Theme(_nouns("photo, song, video, e-mail, message, file, game, recipe, contact, ebook, podcast, password, bookmark, app, screenshot"),
          "([have]|[save]|[store]|[keep])",
          "{A} [add] {g} more|{A} [download] {g} more {ts}|{B1} <send> {him} {g} more|{A} [get] {g} new ones|{A} [save] another {g}|{g} new {ts} {come} in",
          "{A} [delete] {l}|{A} [remove] {l} of them|{A} [erase] {l} {ts}|{l} {are} lost in a crash|{A} [get] rid of {l}|{A} [move] {l} of them to another disk", 900),
    Theme(_nouns("rose, tulip, tomato plant, seedling, bush/bushes, cactus/cacti, sunflower, fern, orchid, lavender plant, potted plant, strawberry plant, young tree, daffodil"),
          "([have]|[grow]|[plant]|[tend])",
          "{A} [plant] {g} more|{A} [buy] {g} more {ts}|{g} more {come} up|{A} [get] {g} from {B1}|{B1} <bring> {him} another {g}|{A} [add] {g} {ts} to the garden",
          "{l} of them {died}|{A} [give] {l} to {B1}|{l} {are} eaten by snails|{A} [sell] {l} {ts}|{A} [cut] down {l}|a storm {broke} {l} of the {ts}|{l} {ts} {dried} out|{A} [pull] out {l} of them", 150),
    Theme(_nouns("chair, table, lamp, brick, tile, plank, nail, screw, paint can, ladder, pipe, bolt, plate, glass/glasses, bowl, fork, mug, blanket, pillow, towel, rope, tent, bucket"),
          "([have]|[own]|[store]|[buy])",
          _GAIN + "|{A} [buy] {g} more|{A} [order] {g} more|{A} [rent] another {g}|{A} [borrow] {g} {ts} from {B1}|{A} [find] {g} more in the attic|a truck {brought} {g} more",
          _LOSS + "|{A} [break] {l}|{l} of them {are} broken by accident|{A} [use] {l} {ts}|{A} [sell] {l} of them|{A} [lend] {l} to {B1}|{A} [throw] away {l}|{A} [donate] {l} to a school", 200),
    Theme(_nouns("point, ticket, token, voucher, coupon, bonus point, gold star, raffle ticket, chip, life/lives"),
          "([have]|[have]|[get]|[earn])",
          "{A} [win] {g} more|{A} [earn] {g} more {ts}|{A} [score] {g}|{A} [get] another {g}|{A} [receive] {g} {ts} as a bonus|{B1} <hand> {him} {g} {ts}|{A} [gain] {g}",
          "{A} [lose] {l}|{A} [spend] {l} {ts} on a prize|{A} [use] {l} of them|{A} [give] {l} to {B1}|{A} [exchange] {l} of them for a toy|{l} {ts} {are} taken away", 200),
    Theme(_nouns("book, novel, magazine, newspaper, dictionary, CD, DVD, puzzle, board game, poster, painting, drawing, kite, doll, balloon, teddy bear, toy car, ribbon, bracelet, button, bead, scarf/scarves, hat, T-shirt, sock"),
          "([have]|[own]|[have]|[keep]|[buy]|[make])",
          _GAIN + "|{A} [buy] {g} more {ts}|{A} [get] {g} {ts} for {his} birthday|{A} [make] another {g}|{A} [win] {g} more|{A} [borrow] {g} from {B1}",
          _LOSS + "|{A} [sell] {l}|{A} [sell] {l} of the {ts} at a fair|{A} [donate] {l} {ts} to charity|{A} [return] {l}|{A} [lend] {l} {ts} to a friend|{A} [leave] {l} on the bus|{A} [tear] {l} of them|{A} [misplace] {l}", 120, True),
)  # fmt: skip


def theme(rng: Random) -> tuple[Theme, Noun]:
    """Some kind of things and one thing of it; now and then a thing that no list has."""
    kind = rng.choice(THEMES)
    if rng.random() < 0.04:
        word = pseudo(rng)
        return kind, (word, word + "s")
    return kind, rng.choice(kind.things)


def tenses(past: bool) -> dict[str, object]:
    """Plural and fixed third-person verbs that the clauses above use, in one tense."""
    pairs = {"come": "came", "go": "went", "get": "got", "died": "died", "ran": "ran", "got": "got"}
    present = {
        "died": "die", "ran": "run", "ate": "eats", "gave": "gives", "took": "takes", "broke": "breaks", "dried": "dry",
        "brought": "brings",
    }  # fmt: skip
    words: dict[str, object] = {key: (value if past else key) for key, value in pairs.items()}
    words |= {key: (key if past else value) for key, value in present.items()}
    words["got"] = "got" if past else "get"
    return words


HOLDERS = _nouns(
    "box, bag, basket, jar, crate, packet, tray, carton, drawer, bucket, tin, sack, bin, container, shelf/shelves, "
    "bowl, chest, suitcase, cupboard, bookcase, locker, album, envelope, trolley, barrel, pallet, case, cabinet"
)
"""What things are put into."""
PEOPLE = _nouns(
    "friend, child/children, kid, student, classmate, guest, cousin, neighbour, player, worker, volunteer, colleague, camper, "
    "visitor, pupil, teammate, brother, girl, boy, passenger, patient, swimmer, dancer, tourist"
)
"""Those who share or are counted."""
SETS: tuple[tuple[str, str, str, int, int], ...] = (
    ("table", "tables", "chairs", 2, 10), ("bus", "buses", "seats", 20, 60), ("car", "cars", "passengers", 2, 5), ("shelf", "shelves", "books", 8, 40),
    ("row", "rows", "seats", 6, 30), ("box", "boxes", "chocolates", 6, 36), ("tray", "trays", "muffins", 6, 24), ("carton", "cartons", "eggs", 6, 30),
    ("floor", "floors", "flats", 2, 12), ("house", "houses", "windows", 4, 20), ("team", "teams", "players", 3, 15), ("room", "rooms", "beds", 2, 8),
    ("bunch", "bunches", "bananas", 3, 12), ("vase", "vases", "roses", 3, 15), ("album", "albums", "photos", 20, 90), ("page", "pages", "stickers", 4, 20),
    ("hive", "hives", "frames", 6, 12), ("pack", "packs", "pencils", 4, 24), ("bag", "bags", "oranges", 4, 20), ("tank", "tanks", "fish", 3, 30),
    ("tent", "tents", "campers", 2, 8), ("boat", "boats", "people", 3, 12), ("crate", "crates", "bottles", 6, 24), ("tree", "trees", "lemons", 10, 60),
    ("nest", "nests", "eggs", 2, 6), ("cage", "cages", "parrots", 2, 8), ("drawer", "drawers", "socks", 4, 20), ("wagon", "wagons", "passengers", 30, 90),
    ("necklace", "necklaces", "beads", 15, 60), ("jacket", "jackets", "buttons", 4, 9), ("pizza", "pizzas", "slices", 6, 12), ("cake", "cakes", "candles", 5, 20),
    ("field", "fields", "sheep", 8, 50), ("classroom", "classrooms", "desks", 10, 32), ("chapter", "chapters", "pages", 8, 30), ("packet", "packets", "seeds", 5, 50),
    ("bundle", "bundles", "sticks", 5, 25), ("lorry", "lorries", "crates", 10, 60), ("stall", "stalls", "lamps", 2, 9), ("jar", "jars", "pickles", 5, 20),
    ("bench", "benches", "children", 2, 6), ("corridor", "corridors", "doors", 4, 16), ("staircase", "staircases", "steps", 8, 24), ("kit", "kits", "screws", 8, 60),
)  # fmt: skip
"""One group, several groups, what is in each, and how many that sensibly are."""
