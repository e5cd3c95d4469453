"""The vocabulary of Kibaba's own menus: every named rule that the screens may use."""

from __future__ import annotations

from typing import Final

from menus.effects import EFFECTS
from menus.engine.vocabulary import Vocabulary
from menus.rules.decisions import DECISIONS
from menus.rules.inputs import INPUTS
from menus.rules.lists import LISTS
from menus.rules.values import VALUES

VOCABULARY: Final = Vocabulary.of(INPUTS, DECISIONS, LISTS, VALUES, EFFECTS)
