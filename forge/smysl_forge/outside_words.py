"""Words for questions that lie outside every family. Words only."""

COUNTRIES = (
    "France Germany Italy Spain Portugal Poland Norway Sweden Finland Denmark Iceland Ireland Greece Turkey Russia Ukraine Georgia "
    "Japan China India Nepal Mongolia Vietnam Thailand Indonesia Australia Canada Mexico Cuba Brazil Peru Chile Argentina Bolivia "
    "Egypt Morocco Kenya Ghana Nigeria Ethiopia Iran Iraq Israel Pakistan Bangladesh Belgium Austria Switzerland Hungary Romania"
).split()
CITIES = (
    "Paris London Berlin Rome Madrid Lisbon Warsaw Oslo Moscow Tokyo Beijing Delhi Cairo Sydney Toronto Chicago Boston Mumbai "
    "Istanbul Athens Vienna Prague Budapest Dublin Amsterdam Brussels Lima Santiago Nairobi Lagos Seoul Bangkok Dubai Houston"
).split()
PERSONS = (
    "Albert Einstein|Isaac Newton|Marie Curie|Napoleon|Julius Caesar|Cleopatra|Leonardo da Vinci|Mozart|Beethoven|Shakespeare|"
    "Charles Darwin|Nikola Tesla|Abraham Lincoln|George Washington|Winston Churchill|Mahatma Gandhi|Nelson Mandela|Socrates|Plato|"
    "Aristotle|Galileo|Leo Tolstoy|Dostoevsky|Jane Austen|Charles Dickens|Picasso|Van Gogh|Michael Jordan|Lionel Messi|Pele|"
    "Elvis Presley|Madonna|Taylor Swift|Queen Victoria|Alexander the Great|Genghis Khan|Yuri Gagarin|Neil Armstrong|Ada Lovelace|"
    "Alan Turing|Confucius|Buddha|Marco Polo|Christopher Columbus|Charlie Chaplin|Walt Disney|Steve Jobs|Bill Gates|the president"
).split("|")
TOPICS = (
    "photosynthesis|gravity|democracy|inflation|evolution|the French Revolution|black holes|quantum mechanics|climate change|volcanoes|"
    "the immune system|DNA|electricity|magnetism|the Roman Empire|the Cold War|machine learning|blockchain|jazz|impressionism|"
    "the water cycle|dinosaurs|the solar system|philosophy|economics|the stock market|Buddhism|Renaissance art|opera|yoga|"
    "artificial intelligence|neural networks|the internet|vaccines|antibiotics|recycling|renewable energy|nuclear power|the moon|"
    "tectonic plates|coral reefs|the human brain|sleep|dreams|memory|the Silk Road|samurai|Vikings|pyramids|chess|football|"
    "relativity|feudalism|grammar|capitalism|socialism|ballet|haiku|mythology|astronomy|astrology|psychology|cryptography"
).split("|")
THINGS = (
    "car|bicycle|phone|laptop|house|garden|cake|pizza|soup|bread|guitar|piano|camera|book|shirt|dress|table|chair|window|boat|kite|"
    "robot|lamp|printer|door|clock|cat|dog|horse|parrot|goldfish|rose|oak tree|bridge|castle|train|plane|rocket|sandwich|pancake|"
    "omelette|salad|candle|mirror|umbrella|washing machine|fridge|bed|website|essay|song|painting|letter|resume|toaster|fence|tent"
).split("|")
ADJECTIVES = (
    "happy sad big small red blue green old new fast slow beautiful ugly clever brave lazy strange funny cold hot dark bright sweet "
    "bitter heavy light rich poor famous quiet loud dangerous healthy expensive cheap popular romantic modern ancient"
).split()
VERBS = (
    "build fix clean cook draw paint sell buy repair grow train choose design install remove store carry describe photograph write "
    "make open close plant wash decorate move find lose hide replace improve"
).split()
LANGUAGES = "French German Spanish Italian Russian Chinese Japanese Arabic Hindi Portuguese Turkish Polish Greek Latin Dutch Korean".split()
PHRASES = (
    "good morning|thank you|where is the station|I love you|my name is Anna|the cat is on the table|how are you|see you tomorrow|"
    "I would like a coffee|the weather is nice today|happy birthday|I don't understand|please help me|the book is red|good night|"
    "where do you live|I am hungry|the children are playing|this is my brother|excuse me|I lost my keys|the train is late"
).split("|")
ANIMALS = "cat dog elephant lion tiger whale dolphin eagle shark penguin giraffe horse snake spider ant bee owl wolf bear fox camel frog".split()
ELEMENTS = "gold silver iron copper oxygen hydrogen helium carbon sodium lead uranium mercury zinc neon nitrogen calcium".split()
PLANETS = "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune Pluto".split()
WORKS = (
    "Hamlet|War and Peace|The Mona Lisa|Romeo and Juliet|Star Wars|Titanic|The Lord of the Rings|Harry Potter|Don Quixote|The Odyssey|"
    "The Matrix|Casablanca|Frankenstein|Moby Dick|Pride and Prejudice|The Godfather|Jurassic Park|Dracula|Swan Lake|Guernica|Avatar|Frozen"
).split("|")
INVENTIONS = (
    "telephone|light bulb|printing press|steam engine|airplane|computer|radio|television|microscope|telescope|bicycle|camera|compass|"
    "penicillin|dynamite|internet|wheel|zipper|paper|gunpowder|refrigerator|battery|vaccine|transistor|submarine|parachute"
).split("|")
EVENTS = (
    "World War II|World War I|the French Revolution|the moon landing|the fall of the Berlin Wall|the sinking of the Titanic|the Black Death|"
    "the American Civil War|the Renaissance|the first Olympic Games|the Battle of Waterloo|the Russian Revolution|the Great Depression|"
    "the discovery of America|the fall of Rome|the Industrial Revolution|the Chernobyl disaster|the Great Fire of London"
).split("|")
SPORTS = "football basketball tennis baseball hockey cricket golf rugby volleyball swimming boxing chess cycling skiing handball".split()
FEELINGS = "sad happy tired bored lonely angry anxious excited nervous confused hungry sick hopeful jealous proud".split()
SYMPTOMS = (
    "a headache|a fever|a sore throat|back pain|a cough|a stomach ache|a rash|a toothache|dizziness|a broken arm|insomnia|an allergy|"
    "high blood pressure|a cold|knee pain|a burn|chest pain|an infection"
).split("|")
CODE = (
    "Python|JavaScript|Java|C++|Rust|Go|SQL|HTML|CSS|Bash|PHP|Ruby|Swift|Kotlin|Haskell|TypeScript|R|Perl"
).split("|")
PROGRAMS = (
    "sorts a list|reverses a string|reads a file|downloads a page|checks whether a word is a palindrome|counts words|prints hello world|"
    "computes Fibonacci numbers|parses JSON|sends an email|draws a circle|connects to a database|plays tic tac toe|removes duplicates|"
    "finds prime numbers|implements binary search|merges dictionaries|validates an email address"
).split("|")
GENRES = (
    "poem|story|haiku|letter|email|joke|song|speech|tweet|essay|limerick|fairy tale|recipe|summary|review|slogan|dialogue|cover letter|"
    "blog post|birthday card|product description|press release|short film script|rap"
).split("|")
FOODS = "pizza pasta soup bread pancakes sushi curry salad omelette lasagna dumplings borscht paella tacos risotto cheesecake brownies goulash".split()
FOREIGN = (
    "Сколько будет дважды два?|Какая сегодня погода?|Как тебя зовут?|Привет, как дела?|Расскажи анекдот.|Кто написал этот роман?|"
    "Переведи это на английский.|Столица Франции?|У Маши было 5 яблок, она съела 2. Сколько осталось?|Что ты умеешь?|Который час?|"
    "Почему небо голубое?|Доброе утро!|Спасибо большое.|Где находится библиотека?|Решите задачу.|Помоги мне с уроками|"
    "¿Cómo te llamas?|¿Qué hora es?|Hola, ¿qué tal?|¿Cuál es la capital de España?|¿Cuántas manzanas tiene Juan?|Buenos días.|"
    "¿Dónde está la estación?|Cuéntame un chiste.|Juan tiene 8 manzanas y come 3. ¿Cuántas quedan?|Gracias por todo.|¿Por qué el cielo es azul?|"
    "Wie heißt du?|Wie spät ist es?|Was ist die Hauptstadt von Österreich?|Guten Morgen!|Erzähl mir einen Witz.|Wie wird das Wetter morgen?|"
    "Anna hat 7 Äpfel und gibt 2 ab. Wie viele bleiben?|Warum ist der Himmel blau?|Danke schön.|Wo ist der Bahnhof?|Ich verstehe das nicht.|"
    "Comment t'appelles-tu ?|Quelle heure est-il ?|Bonjour, ça va ?|Quelle est la capitale de l'Italie ?|Raconte-moi une blague.|"
    "Paul a 9 billes et en perd 4. Combien en reste-t-il ?|Pourquoi le ciel est-il bleu ?|Merci beaucoup.|Où est la gare ?|"
    "你好|你叫什么名字?|今天天气怎么样?|法国的首都是哪里?|小明有5个苹果,吃了2个,还剩几个?|给我讲个笑话。|谢谢你。|"
    "こんにちは|お名前は何ですか?|今何時ですか?|日本の首都はどこですか?|りんごが5個あります。2個食べました。|ありがとう。|"
    "Come ti chiami?|Che ore sono?|Qual è la capitale della Francia?|Ciao, come stai?|Dove abiti?|Marco ha 6 mele e ne mangia 2.|"
    "Qual é a capital do Brasil?|Como você se chama?|Bom dia!|Conte uma piada.|Que horas são?|Jak masz na imię?|Dzień dobry!|Która godzina?|"
    "नमस्ते, आप कैसे हैं?|आपका नाम क्या है?|भारत की राजधानी क्या है?|مرحبا، كيف حالك؟|ما هي عاصمة مصر؟|كم الساعة؟|안녕하세요|이름이 뭐예요?|"
    "Adın ne?|Türkiye'nin başkenti neresi?|Merhaba, nasılsın?|Hoe heet je?|Wat is de hoofdstad van Nederland?|Goedemorgen!|Hur mår du?|"
    "Γεια σου, τι κάνεις;|Як тебе звати?|Яка столиця України?|Mikä on nimesi?|Hvad hedder du?"
).split("|")
WORDS = (
    "apple river window seven cloud table run blue quickly under the of a and moon paper stone because never often maybe banana run "
    "garden sleep yesterday who when how many left total each box share give have is are was were it they number with without than "
    "music winter green slowly between door every always school teacher water fire coffee mountain road letter dog cat think number "
    "happy bird train ticket story if then but not all some few many more less equal times price cost day week year hour minute"
).split()
