"""RSA keys that must not be trusted, whoever publishes them."""

from __future__ import annotations

_MIN_BITS, _MAX_BITS = 2048, 8192  # NIST SP 800-131A; more only costs time
_MIN_EXPONENT, _MAX_EXPONENT = 65537, 2**32  # FIPS 186-5 §A.1.1; more only costs time

# Primes of the ROCA fingerprint (CVE-2017-15361; Nemec et al., CCS 2017): Infineon's broken
# generator made only primes that are powers of 65537 modulo each of these, hence such moduli.
_ROCA_PRIMES = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83),
    *(89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)


def is_weak(modulus: int, exponent: int) -> bool:
    """Whether a key is too short, has a bad exponent, or comes from a broken generator (J7)."""
    return (
        not _MIN_BITS <= modulus.bit_length() <= _MAX_BITS
        or not _MIN_EXPONENT <= exponent < _MAX_EXPONENT
        or exponent % 2 == 0
        or _has_roca_fingerprint(modulus)
    )


def _has_roca_fingerprint(modulus: int) -> bool:
    # A sound key passes for a broken one about once in 2^27.
    return all(modulus % prime in _powers_of_65537(prime) for prime in _ROCA_PRIMES)


def _powers_of_65537(prime: int) -> set[int]:
    powers = {1}
    power = 65537 % prime
    while power not in powers:
        powers.add(power)
        power = power * 65537 % prime
    return powers
