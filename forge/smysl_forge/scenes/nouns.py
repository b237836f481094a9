"""Countable things, containers, places and people's roles, with their plurals. Words only."""



from random import Random

from smysl_forge.lexicon import pseudo

Noun = tuple[str, str]
"""Singular and plural."""


def _nouns(text: str) -> list[Noun]:
    """Comma-separated singulars; `goose/geese` gives an irregular plural."""
    found = []
    for word in (piece.strip() for piece in text.replace("\n", " ").split(",")):
        if word:
            singular, _, plural = word.partition("/")
            found.append((singular, plural or _plural(singular)))
    return found


def _plural(singular: str) -> str:
    if singular.endswith("y") and singular[-2] not in "aeiou":
        return singular[:-1] + "ies"
    if singular.endswith(("s", "x", "ch", "sh")):
        return singular + "es"
    return singular + "s"


FOOD = _nouns("""
apple, orange, banana, pear, peach, plum, mango/mangoes, lemon, lime, kiwi, apricot, fig, melon, watermelon, coconut,
strawberry, cherry, grape, blueberry, raspberry, tomato/tomatoes, potato/potatoes, carrot, onion, cucumber, radish,
cookie, biscuit, cake, cupcake, muffin, donut, doughnut, brownie, pancake, waffle, pie, tart, bun, bread roll, bagel,
croissant, pretzel, sandwich, burger, hot dog, pizza, slice of pizza/slices of pizza, taco, burrito, dumpling, samosa,
candy, sweet, lollipop, chocolate, chocolate bar, piece of candy/pieces of candy, gummy bear, jelly bean, marshmallow,
toffee, mint, egg, walnut, almond, peanut, nut, date, olive, cracker, cereal bar, fish finger, meatball, sausage,
popsicle, ice cream, yogurt, piece of cake/pieces of cake, slice of bread/slices of bread, chicken nugget, rice cake,
macaron, cinnamon roll, spring roll, pastry, truffle, caramel, snack, mandarin, tangerine, grapefruit, pineapple
""")
TOYS = _nouns("""
toy, marble, sticker, toy car, balloon, doll, ball, block, building block, puzzle, puzzle piece, teddy bear, kite,
action figure, yo-yo, top, toy soldier, robot, trading card, baseball card, playing card, card, stamp, coin, badge,
stuffed animal, model plane, model train, toy truck, Lego brick, bead, domino/dominoes, die/dice, token, ticket,
comic, comic book, game, video game, board game, bouncy ball, toy boat, plastic dinosaur, bubble wand, rubber duck,
frisbee, skateboard, crayon, seashell, shell, postcard, key ring, magnet, pebble, rock, gem, souvenir, medal, ribbon
""")
SCHOOL = _nouns("""
pencil, pen, eraser, notebook, book, ruler, marker, crayon, folder, colored pencil, sharpener, paintbrush, envelope,
sheet of paper/sheets of paper, worksheet, textbook, workbook, map, poster, binder, paper clip, glue stick, backpack,
highlighter, exercise book, index card, sticky note, stapler, chalk stick, paper plane, bookmark, library book
""")
CLOTHES = _nouns("""
shirt, T-shirt, hat, cap, sock, scarf/scarves, glove, tie, dress, skirt, jacket, coat, sweater, button, belt, shoe,
pair of socks/pairs of socks, pair of shoes/pairs of shoes, bracelet, necklace, ring, hair clip, mitten, towel
""")
TOOLS = _nouns("""
nail, screw, bolt, hammer, screwdriver, brick, tile, plank, board, pipe, paint can, candle, light bulb, battery, rope,
wrench, nut, bucket, shovel, ladder, brush, sponge, log, stick, wheel, tire, hinge, hook, key, lock, washer, pin
""")
GARDEN = _nouns("""
flower, rose, tulip, daisy, sunflower, lily, daffodil, orchid, seed, plant, tree, bush, leaf/leaves, bulb, seedling,
cactus/cacti, pumpkin, cabbage, lettuce, pepper, corn cob, mushroom, acorn, pine cone, bean, flower pot, sapling, herb
""")
ELECTRONICS = _nouns("""
phone, laptop, tablet, camera, cable, charger, computer, keyboard, screen, lamp, speaker, headset, chip, printer,
photo, picture, video, song, message, email, file, app, memory card, USB stick, clock, watch, television, drone, radio
""")
KITCHEN = _nouns("""
cup, plate, bowl, spoon, fork, knife/knives, glass, mug, pot, pan, napkin, straw, jar of jam/jars of jam, tray,
bottle of water/bottles of water, can of soup/cans of soup, loaf of bread/loaves of bread, juice box, carton of milk/cartons of milk,
bottle of juice/bottles of juice, tea bag, water bottle, lunch box, can of paint/cans of paint
""")
OFFICE = _nouns("""
letter, parcel, package, stamp, chair, desk, table, report, newspaper, magazine, form, invoice, document, invitation,
calendar, flyer, badge, carton, brochure, picture frame, mirror, pillow, blanket, lightbulb, bicycle, helmet, basket
""")
SPORTS = _nouns("""
ball, tennis ball, golf ball, football, baseball, basketball, racket, bat, trophy, medal, ticket, point, jersey, cone,
hockey puck, bowling pin, hoop, bike, scooter, surfboard, hockey stick, goal, yoga mat, jump rope, whistle, water gun
""")
PETS = _nouns("""
cat, dog, rabbit, hamster, kitten, puppy, goldfish/goldfish, fish/fish, parrot, turtle, guinea pig, mouse/mice, bird,
frog, lizard, snail, butterfly, ladybug, firefly, crab, snake, gecko, canary
""")
FARM = _nouns("""
cow, sheep/sheep, goat, horse, chicken, hen, duck, goose/geese, pig, turkey, lamb, calf/calves, pony, donkey, foal,
ox/oxen, rabbit, llama, chick, duckling, piglet, bee, rooster
""")
COLLECTED = _nouns("""
seashell, shell, stamp, coin, rock, pebble, stone, sticker, baseball card, marble, bottle cap, acorn, pine cone,
feather, postcard, badge, button, leaf/leaves, fossil, comic book, trading card, crystal, can, bottle, bug, beetle
""")

THINGS: dict[str, list[Noun]] = {
    "food": FOOD, "toys": TOYS, "school": SCHOOL, "clothes": CLOTHES, "tools": TOOLS, "garden": GARDEN,
    "electronics": ELECTRONICS, "kitchen": KITCHEN, "office": OFFICE, "sports": SPORTS,
}  # fmt: skip
"""Things a person can have, by category."""
ANIMALS = PETS + FARM

CONTAINERS = _nouns("""
box, bag, basket, jar, crate, pack, packet, tray, carton, drawer, bucket, tin, case, sack, bin, pouch, container,
plate, shelf/shelves, bowl, chest, suitcase, paper bag, gift bag, cupboard
""")
PACKS = _nouns("pack, packet, box, bag, carton, case, crate, tin, jar, set, bundle, tray, sack")
GROUPS = _nouns("group, team, row, pile, stack, line, set, bunch, circle, section")
ROWED = _nouns("""
chair, seat, desk, tree, plant, tile, flower, stamp, photo, car, student, soldier, cabbage, button, window, sticker,
light, cookie, muffin, egg, apple tree, vine, brick, square, dot, star, bench, solar panel, pot, cup, corn plant
""")
PLACES = (
    "shop, store, park, zoo, farm, library, school, museum, market, bakery, supermarket, cafe, restaurant, hotel, "
    "office, factory, garden, theater, cinema, stadium, hospital, warehouse, beach, playground, camp, train station, "
    "airport, bookshop, pet shop, toy shop, grocery store, clinic, garage, gym, kitchen, classroom, village, town"
).split(", ")
SHOPS = (
    "shop, store, market stall, bakery, supermarket, cafe, toy shop, bookshop, grocery store, corner shop, kiosk, "
    "department store, gift shop, warehouse, hardware store, online shop, school shop, street vendor"
).split(", ")
ROLES = (
    "farmer, teacher, baker, gardener, shopkeeper, boy, girl, woman, man, student, chef, builder, carpenter, "
    "librarian, collector, child, painter, coach, nurse, mechanic, fisherman, tailor, postman, waiter, florist, "
    "grocer, scientist, neighbor, camper, tourist, trader, squirrel, pirate, wizard, robot, king, juggler, clown"
).split(", ")
KIN = (
    "brother, sister, mother, father, mom, dad, friend, best friend, cousin, uncle, aunt, grandmother, grandfather, "
    "grandma, grandpa, neighbor, teacher, classmate, son, daughter, roommate, colleague, boss"
).split(", ")
PEOPLE = _nouns("""
child/children, kid, friend, student, pupil, person/people, girl, boy, brother, sister, classmate, guest, family member,
worker, neighbor, cousin, player, teacher, colleague, grandchild/grandchildren, teammate, camper, visitor, nephew
""")
COLORS = (
    "red blue green yellow white black brown purple pink gray silver gold violet striped wooden plastic"
).split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()


def thing(rng: Random, *categories: str) -> Noun:
    """A noun of one of the categories (all of `THINGS` by default); now and then one that no list has."""
    if rng.random() < 0.05:
        word = pseudo(rng)
        return word, word + "s"
    return rng.choice(THINGS[rng.choice(categories or tuple(THINGS))])


def things(rng: Random, count: int, *categories: str) -> list[Noun]:
    """Different nouns."""
    found: list[Noun] = []
    while len(found) < count:
        candidate = thing(rng, *categories)
        if not any(candidate[1].split()[-1] == other[1].split()[-1] for other in found):
            found.append(candidate)
    return found


def container(rng: Random) -> Noun:
    """Something that holds things."""
    return rng.choice(CONTAINERS)


def people(rng: Random) -> Noun:
    """Those who share: friends, children, players ..."""
    return rng.choice(PEOPLE)


def article(word: str) -> str:
    """`word` with a or an."""
    return ("an " if word[0].lower() in "aeio" or word.startswith(("uncle", "umbrella")) else "a ") + word
