"""What people in the emoji world are interested in: themes picked by hand, and the people's names.

WordLlama knows words, not pictures, so the names within a theme share words or meaning.
"""

THEMES = {
    "cats": "🐱 🐈 🐈‍⬛ 😺 😸 😹 😻 😼 😽 😿 😾 🙀",
    "the farm": "🐴 🐎 🏇 🎠 🐮 🐄 🐷 🐖 🐽 🐰 🐇 🐭 🐁 🐶 🐕",
    "monkeys": "🐵 🐒 🙈 🙉 🙊",
    "fish": "🐟 🐠 🐡 🎣 🪼 🍥 🐋 🐳",
    "birds": "🐦 🐦‍⬛ 🐤 🐣 🐥 🪹 🪺",
    "trees": "🌲 🌳 🌴 🎄 🎋 🍂 🍁 🍃 🪾",
    "flowers": "🌸 🌼 🥀 💮 🎴",
    "moon and stars": "🌑 🌒 🌓 🌔 🌕 🌖 🌗 🌘 🌙 🌚 🌛 🌜 🌝 ⭐ 🌟 🌠",
    "weather": "☁️ 🌩️ ⛈️ 🌧️ 🌨️ 🌦️ 🌥️ ⛅ 🌤️ ☂️ ☔ 🌂",
    "sunshine": "☀️ 🌞 🌅 🌄 🌇 🏖️ ⛱️ 🌻",
    "winter": "❄️ ☃️ ⛄ 🏂 ⛷️ 🎿 ⛸️ 🏒 🧊",
    "trains": "🚂 🚆 🚄 🚅 🚃 🚞 🚟 🚋 🚊 🚡 🛤️",
    "the airport": "✈️ 🛩️ 🛫 🛬 🧳 🛄 🛅",
    "boats": "⛵ 🚤 🛥️ 🚢 🚣 🚣‍♀️ 🚣‍♂️",
    "cycling": "🚲 🚴 🚴‍♀️ 🚴‍♂️ 🚵 🚵‍♀️ 🚵‍♂️",
    "swimming and surfing": "🏊 🏊‍♀️ 🏊‍♂️ 🏄 🏄‍♀️ 🏄‍♂️ 🤽 🤽‍♀️ 🤽‍♂️ 🌊",
    "running": "🏃 🏃‍♀️ 🏃‍♂️ 🏃‍➡️ 🎽 👟 🚶 🚶‍♀️ 🚶‍♂️ 🚶‍➡️",
    "gymnastics": "🤸 🤸‍♀️ 🤸‍♂️ 🏋️ 🏋️‍♀️ 🏋️‍♂️ 🤹 🤹‍♀️ 🤹‍♂️ 🧗 🧗‍♀️ 🧗‍♂️",
    "ball games": "⚽ 🏐 🥎 🎱 🤾 🤾‍♀️ 🤾‍♂️ ⛹️ ⛹️‍♀️ ⛹️‍♂️",
    "medals": "🥇 🥈 🥉 🏅 🎖️",
    "ice cream and cake": "🍨 🍦 🍧 🧊 🍰 🧁",
    "home cooking": "🍚 🍙 🍛 🍘 🍲 🥘 🥫 🍳",
    "drinks": "🍷 🍺 🍻 🥂 🥃 🍸 🥛",
    "books": "📘 📕 📗 📙 📖 📚 📔 📓 🔖",
    "music": "🎵 🎶 🎼 🎹 🔈 🔉 🔊 📢",
    "letters": "📪 📫 📬 📭 📮 ✉️ 📩 📨 📥 📤",
    "clocks": "🕐 🕑 🕒 🕓 🕔 🕕 🕖 🕗 🕘 🕙 🕚 🕛 ⏰ 🕰️ ⏲️",
    "phones": "📱 📲 📴 📵 ☎️ 📞",
    "money": "💵 💶 💷 💴 🏦",
    "houses": "🏠 🏡 🏘️ 🏚️",
    "colours": "🔴 🟠 🟡 🟢 🔵 🟣 🟤 🟥 🟧 🟨 🟩 🟦 🟪 🟫",
    "laughter": "😀 😃 😄 😁 😆 😅 😂 😊 🙂 😉 ☺️ 😍 🥰",
    "hearts": "❤️ 🧡 💛 💚 💙 💜 🤎 🖤 🤍 🩷 💓 💗 💞 💕 💖 💘",
    "hands": "👋 ✌️ 👌 🤙 🤝 ✍️ 🙌 👏 🤞 🫶 ✋",
    "magic": "🧙 🧙‍♀️ 🧙‍♂️ 🧚 🧚‍♀️ 🧚‍♂️ 🧝 🧝‍♀️ 🧝‍♂️ 🧛 🧛‍♀️ 🧛‍♂️",
    "cooks and artists": "🧑‍🍳 👩‍🍳 👨‍🍳 🧑‍🎨 👩‍🎨 👨‍🎨 🧑‍🎤 👩‍🎤 👨‍🎤 🎨 🍳",
    "science": "🧑‍🔬 👩‍🔬 👨‍🔬 🧑‍🚀 👩‍🚀 👨‍🚀 🧑‍💻 👩‍💻 👨‍💻",
    "trades": "🧑‍🔧 👩‍🔧 👨‍🔧 🧑‍🏭 👩‍🏭 👨‍🏭 👷 👷‍♀️ 👷‍♂️",
    "South America": "🇦🇷 🇧🇴 🇧🇷 🇨🇱 🇨🇴 🇪🇨 🇵🇪 🇺🇾 🇻🇪",
    "islands": "🏝️ 🇮🇨 🇰🇾 🇨🇰 🇫🇰 🇫🇴 🇲🇭 🇸🇧 🇹🇨 🇦🇽 🇳🇫 🇨🇽",
    "Europe": "🇸🇪 🇳🇴 🇫🇮 🇨🇭 🇦🇹 🇨🇿 🇸🇰 🇸🇮",
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
