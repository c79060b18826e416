/* The secret's sixty-four signed digits to the base of 16, each of which picks one of eight multiples
 * of 256^i B, which are made once: 64 additions and four doublings. They are done on the twisted Edwards
 * curve that RFC 7748 4.1 gives beside Curve25519, -x^2 + y^2 = 1 + d x^2 y^2, with the complete
 * addition of Hisil, Wong, Carter and Dawson (2008, 3.1): no case is a special one. */
#include "base/x25519.h"

#if HAS_X25519

#include <pthread.h>

__extension__ typedef unsigned __int128 u128;

/* --- numbers modulo p = 2^255 - 19 --- */

enum { LIMBS = 5, LIMB_BITS = 51 };

static const uint64_t MASK = ((uint64_t)1 << LIMB_BITS) - 1;

/* The sum of v[i] 2^(51 i). "Small" is what mul() and square() give: all limbs below 2^51 + 2^14. They
 * take limbs below 2^54, so that no sum of theirs reaches 2^115, nor any carry 2^64. */
struct fe {
	uint64_t v[LIMBS];
};

static struct fe add(const struct fe *a, const struct fe *b)
{
	struct fe r;

	for (int i = 0; i < LIMBS; i++)
		r.v[i] = a->v[i] + b->v[i];
	return r;
}

/* With 4 p in it, because no limb may become negative: b is small, or the sum of two that are. */
static struct fe sub(const struct fe *a, const struct fe *b)
{
	const uint64_t low = 4 * (MASK - 18), other = 4 * MASK;
	struct fe r;

	for (int i = 0; i < LIMBS; i++)
		r.v[i] = a->v[i] + (i ? other : low) - b->v[i];
	return r;
}

static struct fe carry(u128 t0, u128 t1, u128 t2, u128 t3, u128 t4)
{
	struct fe r;
	uint64_t c;

	t1 += (uint64_t)(t0 >> LIMB_BITS);
	t2 += (uint64_t)(t1 >> LIMB_BITS);
	t3 += (uint64_t)(t2 >> LIMB_BITS);
	t4 += (uint64_t)(t3 >> LIMB_BITS);
	c = ((uint64_t)t0 & MASK) + 19 * (uint64_t)(t4 >> LIMB_BITS);
	r.v[0] = c & MASK;
	r.v[1] = ((uint64_t)t1 & MASK) + (c >> LIMB_BITS);
	r.v[2] = (uint64_t)t2 & MASK;
	r.v[3] = (uint64_t)t3 & MASK;
	r.v[4] = (uint64_t)t4 & MASK;
	return r;
}

static inline struct fe mul(const struct fe *a, const struct fe *b)
{
	const uint64_t *f = a->v, *g = b->v;
	uint64_t g1 = 19 * g[1], g2 = 19 * g[2], g3 = 19 * g[3], g4 = 19 * g[4];

	return carry((u128)f[0] * g[0] + (u128)f[1] * g4 + (u128)f[2] * g3 +
			     (u128)f[3] * g2 + (u128)f[4] * g1,
		     (u128)f[0] * g[1] + (u128)f[1] * g[0] + (u128)f[2] * g4 +
			     (u128)f[3] * g3 + (u128)f[4] * g2,
		     (u128)f[0] * g[2] + (u128)f[1] * g[1] + (u128)f[2] * g[0] +
			     (u128)f[3] * g4 + (u128)f[4] * g3,
		     (u128)f[0] * g[3] + (u128)f[1] * g[2] + (u128)f[2] * g[1] +
			     (u128)f[3] * g[0] + (u128)f[4] * g4,
		     (u128)f[0] * g[4] + (u128)f[1] * g[3] + (u128)f[2] * g[2] +
			     (u128)f[3] * g[1] + (u128)f[4] * g[0]);
}

static inline struct fe square(const struct fe *a)
{
	const uint64_t *f = a->v;
	uint64_t d0 = 2 * f[0], d1 = 2 * f[1], d3 = 38 * f[3], d4 = 19 * f[4];

	return carry((u128)f[0] * f[0] + (u128)(2 * f[1]) * d4 + (u128)f[2] * d3,
		     (u128)d0 * f[1] + (u128)(2 * f[2]) * d4 + (u128)f[3] * (19 * f[3]),
		     (u128)d0 * f[2] + (u128)f[1] * f[1] + (u128)(2 * f[3]) * d4,
		     (u128)d0 * f[3] + (u128)d1 * f[2] + (u128)f[4] * d4,
		     (u128)d0 * f[4] + (u128)d1 * f[3] + (u128)f[2] * f[2]);
}

static struct fe square_times(struct fe a, int n)
{
	while (n-- > 0)
		a = square(&a);
	return a;
}

/* Exponents as bits: those of `high`, and behind them the n ones that `low` has. */
static struct fe ones(const struct fe *high, int n, const struct fe *low)
{
	struct fe t = square_times(*high, n);

	return mul(&t, low);
}

/* a^(p - 2), p - 2 = 2^255 - 21: 250 ones and 01011. */
static struct fe invert(const struct fe *a)
{
	struct fe a2 = square(a), a8 = square_times(a2, 2), a9 = mul(&a8, a),
		  a11 = mul(&a9, &a2), a22 = square(&a11), n5 = mul(&a22, &a9),
		  n10 = ones(&n5, 5, &n5), n20 = ones(&n10, 10, &n10),
		  n40 = ones(&n20, 20, &n20), n50 = ones(&n40, 10, &n10),
		  n100 = ones(&n50, 50, &n50), n200 = ones(&n100, 100, &n100),
		  n250 = ones(&n200, 50, &n50);

	return ones(&n250, 5, &a11);
}

static struct fe from_bytes(const unsigned char *in)
{
	struct fe r = { { 0 } };

	for (unsigned bit = 0; bit < LIMBS * LIMB_BITS; bit++)
		r.v[bit / LIMB_BITS] |= (uint64_t)(in[bit / 8] >> bit % 8 & 1)
					<< bit % LIMB_BITS;
	return r;
}

static void reduce(uint64_t v[LIMBS])
{
	for (int i = 0; i < LIMBS - 1; i++) {
		v[i + 1] += v[i] >> LIMB_BITS;
		v[i] &= MASK;
	}
	v[0] += 19 * (v[LIMBS - 1] >> LIMB_BITS);
	v[LIMBS - 1] &= MASK;
}

/* The one number below p: 19 is added, which carries out of the top if it was p or more, and what is
 * above 2^255 dropped when p has been added as well. */
static void to_bytes(struct fe a, unsigned char *to)
{
	reduce(a.v);
	reduce(a.v);
	a.v[0] += 19;
	reduce(a.v);
	a.v[0] += MASK + 1 - 19;
	for (int i = 1; i < LIMBS; i++) {
		a.v[i] += MASK + (a.v[i - 1] >> LIMB_BITS);
		a.v[i - 1] &= MASK;
	}
	a.v[LIMBS - 1] &= MASK;
	for (unsigned byte = 0; byte < 32; byte++) {
		unsigned limb = byte * 8 / LIMB_BITS, at = byte * 8 % LIMB_BITS;
		uint64_t bits = a.v[limb] >> at;

		if (at > LIMB_BITS - 8 && limb < LIMBS - 1)
			bits |= a.v[limb + 1] << (LIMB_BITS - at);
		to[byte] = (unsigned char)bits;
	}
}

/* --- points --- */

/* x = X / Z, y = Y / Z, xy = T / Z; all small. */
struct point {
	struct fe x, y, z, t;
};

/* Of a point with Z = 1. */
struct multiple {
	struct fe sum, difference, product; /* y + x, y - x, 2 d x y */
};

/* The two fractions x = e / g and y = h / f of the formulas. */
static void finish(struct point *to, const struct fe *e, const struct fe *f,
		   const struct fe *g, const struct fe *h)
{
	to->x = mul(e, f);
	to->y = mul(g, h);
	to->z = mul(f, g);
	to->t = mul(e, h);
}

static void add_multiple(struct point *p, const struct multiple *m)
{
	struct fe difference = sub(&p->y, &p->x), sum = add(&p->y, &p->x),
		  a = mul(&difference, &m->difference), b = mul(&sum, &m->sum),
		  c = mul(&p->t, &m->product), d = add(&p->z, &p->z), e = sub(&b, &a),
		  f = sub(&d, &c), g = add(&d, &c), h = add(&b, &a);

	finish(p, &e, &f, &g, &h);
}

/* f is 2 Z^2 - g, put so that nothing greater than a sum is taken from anything. */
static void twice(struct point *p)
{
	struct fe xx = square(&p->x), yy = square(&p->y), zz = square(&p->z),
		  sum = add(&p->x, &p->y), all = square(&sum), h = add(&yy, &xx),
		  e = sub(&all, &h), g = sub(&yy, &xx), minus_g = sub(&xx, &yy),
		  zz2 = add(&zz, &zz), f = add(&zz2, &minus_g);

	finish(p, &e, &f, &g, &h);
}

/* --- the multiples --- */

enum { PLACES = 32, EIGHT = 8 };

static struct multiple table[PLACES][EIGHT]; /* (j + 1) 256^i B */

/* RFC 8032 5.1: the base point, and d. */
static const unsigned char base_x[] = {
	0x1a, 0xd5, 0x25, 0x8f, 0x60, 0x2d, 0x56, 0xc9, 0xb2, 0xa7, 0x25,
	0x95, 0x60, 0xc7, 0x2c, 0x69, 0x5c, 0xdc, 0xd6, 0xfd, 0x31, 0xe2,
	0xa4, 0xc0, 0xfe, 0x53, 0x6e, 0xcd, 0xd3, 0x36, 0x69, 0x21,
};
static const unsigned char base_y[] = {
	0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
};
static const unsigned char curve_d[] = {
	0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41,
	0x41, 0x4d, 0x0a, 0x70, 0x00, 0x98, 0xe8, 0x79, 0x77, 0x79, 0x40,
	0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
};

static struct multiple multiple_of(const struct point *p)
{
	struct fe d = from_bytes(curve_d), d2 = add(&d, &d), z = invert(&p->z),
		  x = mul(&p->x, &z), y = mul(&p->y, &z), xy = mul(&x, &y);

	return (struct multiple){ add(&y, &x), sub(&y, &x), mul(&xy, &d2) };
}

static void make_table(void)
{
	struct fe one = { { 1 } }, x = from_bytes(base_x), y = from_bytes(base_y);
	struct point first = { x, y, one, mul(&x, &y) };

	for (int i = 0; i < PLACES; i++) {
		struct point p = first;

		table[i][0] = multiple_of(&first);
		for (int j = 1; j < EIGHT; j++) {
			add_multiple(&p, &table[i][0]);
			table[i][j] = multiple_of(&p);
		}
		for (int j = 0; j < 8; j++)
			twice(&first);
	}
}

/* All ones if they are equal, else 0; the compiler cannot know that, and branch. */
static uint64_t mask_of(uint32_t a, uint32_t b)
{
	uint64_t mask = ((uint64_t)(a ^ b) - 1) >> 63;

	mask = -mask;
	__asm__("" : "+r"(mask));
	return mask;
}

static void choose(struct fe *to, const struct fe *from, uint64_t mask)
{
	for (int i = 0; i < LIMBS; i++)
		to->v[i] ^= mask & (to->v[i] ^ from->v[i]);
}

/* `digit` times 256^i B, from -8 to 8; -(x, y) is (-x, y). */
static struct multiple pick(int i, int digit)
{
	struct multiple r = { { { 1 } }, { { 1 } }, { { 0 } } };
	struct fe zero = { { 0 } }, difference, minus;
	uint32_t sign = (uint32_t)digit >> 31, size = ((uint32_t)digit ^ -sign) + sign;
	uint64_t negative = mask_of(sign, 1);

	for (uint32_t j = 0; j < EIGHT; j++) {
		uint64_t mask = mask_of(size, j + 1);

		choose(&r.sum, &table[i][j].sum, mask);
		choose(&r.difference, &table[i][j].difference, mask);
		choose(&r.product, &table[i][j].product, mask);
	}
	difference = r.difference;
	minus = sub(&zero, &r.product);
	choose(&r.difference, &r.sum, negative);
	choose(&r.sum, &difference, negative);
	choose(&r.product, &minus, negative);
	return r;
}

/* --- keys --- */

void x25519_clamp(unsigned char secret[static X25519_LEN])
{
	secret[0] &= 0xf8;
	secret[31] = (secret[31] & 0x7f) | 0x40;
}

/* From -8 to 7, the last one to 8: the secret is below 2^255. */
static void digits_of(const unsigned char *secret, int digit[2 * PLACES])
{
	int carry = 0;

	for (int i = 0; i < 2 * PLACES; i++) {
		int n = (secret[i / 2] >> 4 * (i % 2) & 15) + carry;

		carry = i < 2 * PLACES - 1 ? (n + 8) >> 4 : 0;
		digit[i] = n - carry * 16;
	}
}

/* u = (1 + y) / (1 - y), RFC 7748 4.1. */
void x25519_public(const unsigned char secret[static X25519_LEN],
		   unsigned char ret[static X25519_LEN])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct point p = { .y = { { 1 } }, .z = { { 1 } } };
	int digit[2 * PLACES];
	struct multiple m;
	struct fe above, below;

	pthread_once(&once, make_table);
	digits_of(secret, digit);
	for (int i = 1; i < 2 * PLACES; i += 2) {
		m = pick(i / 2, digit[i]);
		add_multiple(&p, &m);
	}
	for (int i = 0; i < 4; i++)
		twice(&p);
	for (int i = 0; i < 2 * PLACES; i += 2) {
		m = pick(i / 2, digit[i]);
		add_multiple(&p, &m);
	}
	above = add(&p.z, &p.y);
	below = sub(&p.z, &p.y);
	below = invert(&below);
	to_bytes(mul(&above, &below), ret);
	mem_wipe(digit, sizeof(digit));
	mem_wipe(&p, sizeof(p));
	mem_wipe(&m, sizeof(m));
}

#endif
