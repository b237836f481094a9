"""Things with a price, work and journeys: the word lists of the money and rate scenes. Words only."""

from random import Random

Good = tuple[str, str]
"""Singular and plural."""


def _pairs(text: str) -> tuple[Good, ...]:
    """`pen, box/boxes` -> (("pen", "pens"), ("box", "boxes"))."""
    found: list[Good] = []
    for entry in text.replace("\n", " ").split(","):
        one, _, many = entry.strip().partition("/")
        if one:
            found.append((one, many or one + "s"))
    return tuple(found)


CHEAP = _pairs(
    "apple, orange, pear, banana, lemon, peach/peaches, mango/mangoes, melon, plum, cookie, biscuit, muffin, cupcake, "
    "donut, bagel, sandwich/sandwiches, burger, hot dog, taco, slice of pizza/slices of pizza, ice cream, "
    "chocolate bar, lollipop, candy/candies, gumball, packet of crisps/packets of crisps, bag of chips/bags of chips, "
    "juice box/juice boxes, bottle of water/bottles of water, can of soda/cans of soda, cup of coffee/cups of coffee, "
    "tea bag, egg, loaf of bread/loaves of bread, bun, roll, croissant, pretzel, carton of milk/cartons of milk, "
    "yogurt, jar of jam/jars of jam, pen, pencil, eraser, rubber, ruler, notebook, marker, crayon, sharpener, folder, "
    "envelope, stamp, sticker, postcard, greeting card, balloon, ribbon, bead, button, candle, key ring, "
    "comic/comics, newspaper, magazine, bookmark, glue stick, badge, marble, bouncy ball, toy car, yo-yo, "
    "bus ticket, tram ticket, rose, tulip, daisy/daisies, seed packet, sponge, bar of soap/bars of soap, toothbrush/toothbrushes, "
    "battery/batteries, light bulb, screw, bolt, hook, paintbrush/paintbrushes, sheet of paper/sheets of paper, "
    "smoothie, milkshake, pie, samosa, dumpling, spring roll, kebab, wrap, pancake, waffle, lemonade, avocado, coconut, "
    "pineapple, cabbage/cabbages, cucumber, tomato/tomatoes, pepper, corn cob, pumpkin, raffle ticket, photo print"
)
MID = _pairs(
    "book, novel, T-shirt, shirt, cap, hat, scarf/scarves, pair of socks/pairs of socks, pair of gloves/pairs of gloves, "
    "belt, tie, towel, pillow, blanket, mug, plate, bowl, vase, lamp, clock, frame, poster, puzzle, board game, doll, "
    "teddy bear, model plane, football, basketball, tennis racket, skateboard, helmet, backpack, lunch box/lunch boxes, "
    "umbrella, water bottle, calculator, USB stick, mouse pad, phone case, charger, cable, keyboard, headset, "
    "video game, DVD, CD, cinema ticket, movie ticket, concert ticket, museum ticket, train ticket, zoo ticket, "
    "haircut, pizza, cake, bouquet/bouquets, plant, flower pot, shovel, rake, hammer, screwdriver, can of paint/cans of paint, "
    "bag of cement/bags of cement, brick pack, chicken, rabbit, hamster, goldfish/goldfish, bag of dog food/bags of dog food, "
    "dictionary/dictionaries, atlas/atlases, box of chocolates/boxes of chocolates, jar of honey/jars of honey, "
    "bottle of perfume/bottles of perfume, candlestick, wallet, necklace, bracelet, yoga mat, jump rope, skirt, jumper, "
    "sweater, hoodie, swimsuit, pair of jeans/pairs of jeans, pair of sandals/pairs of sandals, costume, mask, kite, drum, "
    "ukulele, tripod, fan, kettle, toaster, frying pan, saucepan, cushion, curtain, rug, basket, stool, sack of rice/sacks of rice, "
    "box of cereal/boxes of cereal, tin of cookies/tins of cookies, toy robot, chess set, paint set, notebook pack"
)
DEAR = _pairs(
    "bike, bicycle, scooter, laptop, tablet, phone, smartphone, camera, television, TV, monitor, printer, console, "
    "guitar, violin, keyboard piano, drum kit, watch/watches, coat, jacket, pair of boots/pairs of boots, dress/dresses, suit, "
    "sofa, armchair, desk, table, wardrobe, bookshelf/bookshelves, bed, mattress/mattresses, fridge, oven, dishwasher, "
    "washing machine, vacuum cleaner, microwave, tent, sleeping bag, surfboard, kayak, pair of skis/pairs of skis, drone, "
    "telescope, microscope, sewing machine, lawn mower, goat, sheep/sheep, cow, calf/calves, pony/ponies, plane ticket, "
    "pair of headphones/pairs of headphones, gaming chair, treadmill, aquarium, heater, air conditioner, ring, carpet"
)
WEIGHED = (
    "apples potatoes carrots onions tomatoes grapes cherries rice flour sugar beans nuts almonds cheese meat beef fish "
    "coffee tea honey salt butter oats plums strawberries bananas oranges pears peas lentils pasta ham chicken"
).split()
POURED = "milk juice oil petrol paint water syrup lemonade diesel shampoo cream cider vinegar gasoline".split()
LENGTHS = "fabric ribbon rope wire cable fence pipe cloth silk lace carpet string chain tape".split()
JOBS = (
    "babysitting|mowing lawns|walking dogs|washing cars|tutoring|delivering newspapers|working in a cafe|"
    "working at a bakery|cleaning windows|painting fences|raking leaves|picking berries|working in a shop|"
    "shovelling snow|doing chores|working as a waiter|driving a taxi|coding|teaching guitar|stacking shelves|"
    "doing housework|gardening|delivering pizza|selling flowers|translating texts|working at the library"
).split("|")
SHOPS = (
    "shop|store|supermarket|market|bakery|bookshop|toy store|cafe|kiosk|stationery shop|grocery store|mall|canteen|"
    "school fair|garage sale|web shop|corner shop|department store|gift shop|farmers' market|stall|snack bar|fair"
).split("|")
PLACES = (
    "London Paris Rome Berlin Madrid Moscow Delhi Tokyo Lagos Cairo Boston Chicago Texas Denver Kazan Oslo Prague Lima "
    "Milan Leeds York Vienna Riga Tbilisi Almaty Mumbai Seoul Sydney Toronto Dublin Kyoto Accra Nairobi Lisbon"
).split()


def different(rng: Random, pool: tuple[Good, ...], count: int) -> list[Good]:
    """`count` different goods of one price class."""
    return rng.sample(pool, count)
