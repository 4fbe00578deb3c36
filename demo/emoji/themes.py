"""What people in the emoji world are interested in: themes picked by hand, and the people's names.

WordLlama knows words, not pictures: themes are of emoji whose names share words or meaning.
"""

THEMES = {
    "cats": "🐱 🐈 🐈‍⬛ 😺 😸 😹 😻 😼 😽 😿 😾 🙀",
    "dogs": "🐶 🐕 🦮 🐕‍🦺 🐩 🐾 🦴",
    "horses": "🐴 🐎 🏇 🎠 🦄 🤠",
    "monkeys": "🐵 🐒 🙈 🙉 🙊 🦍 🦧",
    "fish": "🐟 🐠 🐡 🎣 🪼 🦈 🐬 🐋 🐳",
    "birds": "🐦 🐦‍⬛ 🐤 🐣 🐥 🦅 🦉 🦜 🕊️ 🪹 🪺",
    "butterflies and bees": "🦋 🐝 🐛 🐞 🐜 🪲 🪰 🍯",
    "trees": "🌲 🌳 🌴 🎄 🎋 🍂 🍁 🍃 🌿",
    "flowers": "🌸 🌺 🌼 🌷 🌹 🥀 💐 💮 🌻 🪷 🏵️",
    "moon and stars": "🌑 🌒 🌓 🌔 🌕 🌖 🌗 🌘 🌙 🌚 🌛 🌜 🌝 ⭐ 🌟 🌠",
    "space": "🚀 🧑‍🚀 👩‍🚀 👨‍🚀 🛰️ 📡 🪐 🔭 🛸 👽",
    "weather": "☁️ 🌩️ ⛈️ 🌧️ 🌨️ 🌦️ 🌥️ ⛅ 🌤️ ☂️ ☔ 🌂 🌫️ 🌪️",
    "sunshine": "☀️ 🌞 🌅 🌄 🌇 🏖️ ⛱️ 🌻",
    "winter": "❄️ ☃️ ⛄ 🏂 ⛷️ 🎿 ⛸️ 🏒 🛷 🧊",
    "trains": "🚂 🚆 🚄 🚅 🚃 🚞 🚟 🚝 🚋 🚊 🚡 🛤️ 🚉",
    "flying": "✈️ 🛩️ 🛫 🛬 🚁 🪂 🎈",
    "boats": "⛵ 🚤 🛥️ 🚢 ⛴️ 🛶 🚣 🚣‍♀️ 🚣‍♂️ ⚓",
    "cycling": "🚲 🚴 🚴‍♀️ 🚴‍♂️ 🚵 🚵‍♀️ 🚵‍♂️ 🏍️",
    "swimming and surfing": "🏊 🏊‍♀️ 🏊‍♂️ 🏄 🏄‍♀️ 🏄‍♂️ 🤽 🤽‍♀️ 🤽‍♂️ 🌊",
    "running": "🏃 🏃‍♀️ 🏃‍♂️ 🎽 👟 🚶 🚶‍♀️ 🚶‍♂️",
    "ball games": "⚽ 🏀 🏐 🥎 ⚾ 🎾 🏈 🤾 🤾‍♀️ 🤾‍♂️ ⛹️ ⛹️‍♀️ ⛹️‍♂️",
    "medals": "🥇 🥈 🥉 🏅 🎖️ 🏆",
    "ice cream": "🍨 🍦 🍧 🧊 🍰 🎂 🧁",
    "bread": "🍞 🥖 🥪 🫓 🥯 🥐 🧀",
    "rice and noodles": "🍚 🍙 🍛 🍘 🍣 🍜 🍝 🍲",
    "wine and beer": "🍷 🍺 🍻 🥂 🥃 🍸 🍹 🍾",
    "books": "📘 📕 📗 📙 📖 📚 📔 📓 🔖",
    "music": "🎵 🎶 🎼 🎹 🎸 🎻 🎷 🎺 🥁 🎤 🎧",
    "letters": "📪 📫 📬 📭 📮 📧 ✉️ 📩 📨 💌",
    "clocks": "🕐 🕑 🕒 🕓 🕔 🕕 🕖 🕗 🕘 🕙 🕚 🕛 ⏰ 🕰️ ⏲️",
    "laughter": "😀 😃 😄 😁 😆 😅 😂 🤣 😊 🙂 😉",
    "hearts": "❤️ 🧡 💛 💚 💙 💜 🤎 🖤 🤍 🩷 💓 💗 💞 💕 💖 💘",
    "hands": "👋 ✌️ 👌 🤙 🤝 ✍️ 👍 🙌 👏 🤞 🫶",
    "cooks and artists": "🧑‍🍳 👩‍🍳 👨‍🍳 🧑‍🎨 👩‍🎨 👨‍🎨 🧑‍🎤 👩‍🎤 👨‍🎤 🎨 🍳",
    "science": "🧑‍🔬 👩‍🔬 👨‍🔬 🔬 🧪 🧬 ⚗️ 🧫 🔭",
    "South America": "🇦🇷 🇧🇴 🇧🇷 🇨🇱 🇨🇴 🇪🇨 🇵🇪 🇺🇾 🇻🇪 🇵🇾",
    "the North": "🇸🇪 🇳🇴 🇫🇮 🇩🇰 🇮🇸 🇫🇴 🇬🇱 🇪🇪 🇱🇻 🇱🇹",
    "islands": "🏝️ 🇮🇨 🇰🇾 🇨🇰 🇫🇰 🇫🇴 🇲🇭 🇸🇧 🇹🇨 🇦🇽 🇳🇫 🇨🇽",
}

_NAMES = """
ada amir anna aoi ben bruno carla chen clara daniel dina elif emil eva fatima felix freya gita grace hana
hugo ida ines ivan jonas julia kai kofi lea leo lina lucas maja malik maria mei mia milan nadia nils noor
olga omar oscar paula pia priya rosa sam sara sofia tariq theo tom vera viktor yara yuki zoe zuri
"""
NAMES = tuple(_NAMES.split())


def theme_emoji(theme: str) -> list[str]:
    """The emoji of a theme, the most typical first."""
    return THEMES[theme].split()
