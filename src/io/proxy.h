/* The header of the PROXY protocol, versions 1 and 2: the first bytes of a connection that a proxy
 * relays, which say whose it is. */
#pragma once

#include "base/net.h"

enum {
	PROXY_V1_MAX = 107, /* with CR LF */
	PROXY_V2_HEAD = 16,
	PROXY_V2_MAX_BODY = 2048, /* addresses and what follows them; longer is refused */
};

struct proxy_reader {			 /* starts as zeros */
	uint16_t n;			 /* bytes taken */
	uint16_t end;			 /* version 2: of the header; 0: not known yet */
	unsigned char got[PROXY_V1_MAX]; /* the first of them */
	struct {			 /* version 2: what stands behind the addresses */
		uint16_t start;		 /* 0: nothing that can be read */
		uint16_t left;		 /* of the value */
		uint8_t n_head;		 /* of the type and the length */
		unsigned char head[3];
		bool has_sum;
		uint32_t sum;	   /* as it was sent */
		uint32_t computed; /* CRC32C, of all bytes so far */
	} tlv;
	bool has_address; /* when it is done; false: the socket's own is the client's */
	struct net address;
};

enum proxy_verdict { PROXY_MORE, PROXY_DONE, PROXY_BAD };

/* Takes bytes up to the header's end, not one more. PROXY_BAD: it is none, as soon as that shows. */
nodiscard enum proxy_verdict proxy_read(struct proxy_reader *p, struct strv in,
					size_t *ret_used);
