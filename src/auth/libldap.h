/* The library of the method `ldap`, loaded with the first configuration that has it. */
#pragma once

#include "base/library.h"

#include <lber.h>
#include <ldap.h>
#include <openldap.h>

#define LIBLDAP_FUNCTIONS(X)         \
	X(ber_pvt_opt_on)            \
	X(ber_sockbuf_add_io)        \
	X(ber_sockbuf_ctrl)          \
	X(ldap_count_entries)        \
	X(ldap_err2string)           \
	X(ldap_extended_operation_s) \
	X(ldap_first_entry)          \
	X(ldap_get_dn)               \
	X(ldap_get_option)           \
	X(ldap_get_values_len)       \
	X(ldap_init_fd)              \
	X(ldap_memfree)              \
	X(ldap_msgfree)              \
	X(ldap_sasl_bind_s)          \
	X(ldap_search_ext_s)         \
	X(ldap_set_option)           \
	X(ldap_unbind_ext_s)         \
	X(ldap_value_free_len)

LIBRARY_DECLARE(libldap, LIBLDAP_FUNCTIONS)

#define ber_pvt_opt_on		  (*libldap.ber_pvt_opt_on) /* LDAP_OPT_ON */
#define ber_sockbuf_add_io	  libldap.ber_sockbuf_add_io
#define ber_sockbuf_ctrl	  libldap.ber_sockbuf_ctrl
#define ldap_count_entries	  libldap.ldap_count_entries
#define ldap_err2string		  libldap.ldap_err2string
#define ldap_extended_operation_s libldap.ldap_extended_operation_s
#define ldap_first_entry	  libldap.ldap_first_entry
#define ldap_get_dn		  libldap.ldap_get_dn
#define ldap_get_option		  libldap.ldap_get_option
#define ldap_get_values_len	  libldap.ldap_get_values_len
#define ldap_init_fd		  libldap.ldap_init_fd
#define ldap_memfree		  libldap.ldap_memfree
#define ldap_msgfree		  libldap.ldap_msgfree
#define ldap_sasl_bind_s	  libldap.ldap_sasl_bind_s
#define ldap_search_ext_s	  libldap.ldap_search_ext_s
#define ldap_set_option		  libldap.ldap_set_option
#define ldap_unbind_ext_s	  libldap.ldap_unbind_ext_s
#define ldap_value_free_len	  libldap.ldap_value_free_len
