"""Our names as foreign programs take them: reversible, so that no two of ours ever become one of theirs.

actor:alice/wallet/token    Assets:Actor:Alice:Wallet:Token          (Beancount, hledger)
what it has set aside       Assets:Actor:Alice:Wallet:Token:Held
system/issuance/token       Equity:System:Issuance:Token
"""

from __future__ import annotations

from scidex.core.units import Unit
from scidex.ledger import AccountKey, issuance_of


def account_name(account: AccountKey, *, held: bool = False) -> str:
    """The account in five words, or four where the owner has no name of its own, and `Held` for what is set aside.

    >>> account_name(AccountKey("entity:gap:a-b", "budget", "llm_batch"), held=True)
    'Assets:Entity:Gap-3aa--b:Budget:Llm-5fbatch:Held'
    """
    kind, colon, rest = account.owner.partition(":")
    top = "Equity" if account == issuance_of(account.unit) else "Assets"
    owner = (word(kind), word(rest)) if colon else (word(kind),)
    return ":".join((top, *owner, word(account.purpose), word(account.unit), *(("Held",) if held else ())))


def word(text: str) -> str:
    """A text as a part of an account's name: a capital letter or a digit, then letters, digits and dashes.

    A first small letter is made a capital, any other beginning gets a 0 before it; a dash is doubled and every other
    character is a dash and two hexadecimal digits per byte of UTF-8.

    >>> [word(each) for each in ("alice", "Alice", "tau-1", "1.5", "0", "β")]
    ['Alice', '0Alice', 'Tau--1', '1-2e5', '00', '0-ceb2']
    """
    written = "".join(each if each.isascii() and each.isalnum() else _escaped(each) for each in text)
    first = written[:1]
    if first.isascii() and first.islower():
        return first.upper() + written[1:]
    return written if first.isdigit() and first != "0" else f"0{written}"


def _escaped(character: str) -> str:
    return "--" if character == "-" else f"-{character.encode().hex()}"


def commodity(unit: str) -> str:
    """The unit as a commodity: `LLM_REASONING`, within the 24 characters of Beancount."""
    name = unit.upper()
    assert len(name) <= 24, name
    return name


def decimal(parts: int, unit: Unit) -> str:
    """Whole units with every decimal that the unit has.

    >>> from scidex.core.units import UNITS
    >>> decimal(-1, UNITS["token"]), decimal(1500, UNITS["cpu_seconds"]), decimal(7, UNITS["api_calls"])
    ('-0.000001', '1.500', '7')
    """
    if not unit.decimals:
        return str(parts)
    whole, rest = divmod(abs(parts), unit.parts)
    return f"{'-' if parts < 0 else ''}{whole}.{rest:0{unit.decimals}d}"
