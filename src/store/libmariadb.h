/* The library for MySQL and MariaDB, loaded with the first store that is there. */
#pragma once

#include "base/library.h"

#include <mysql.h>

#define LIBMARIADB_FUNCTIONS(X)     \
	X(mariadb_connection)       \
	X(mysql_close)              \
	X(mysql_errno)              \
	X(mysql_error)              \
	X(mysql_get_socket)         \
	X(mysql_get_ssl_cipher)     \
	X(mysql_init)               \
	X(mysql_next_result)        \
	X(mysql_optionsv)           \
	X(mysql_real_connect)       \
	X(mysql_real_query)         \
	X(mysql_server_init)        \
	X(mysql_stmt_affected_rows) \
	X(mysql_stmt_bind_param)    \
	X(mysql_stmt_bind_result)   \
	X(mysql_stmt_close)         \
	X(mysql_stmt_errno)         \
	X(mysql_stmt_error)         \
	X(mysql_stmt_execute)       \
	X(mysql_stmt_fetch)         \
	X(mysql_stmt_fetch_column)  \
	X(mysql_stmt_field_count)   \
	X(mysql_stmt_free_result)   \
	X(mysql_stmt_init)          \
	X(mysql_stmt_param_count)   \
	X(mysql_stmt_prepare)

LIBRARY_DECLARE(libmariadb, LIBMARIADB_FUNCTIONS)

#define mariadb_connection	 libmariadb.mariadb_connection
#define mysql_close		 libmariadb.mysql_close
#define mysql_errno		 libmariadb.mysql_errno
#define mysql_error		 libmariadb.mysql_error
#define mysql_get_socket	 libmariadb.mysql_get_socket
#define mysql_get_ssl_cipher	 libmariadb.mysql_get_ssl_cipher
#define mysql_init		 libmariadb.mysql_init
#define mysql_next_result	 libmariadb.mysql_next_result
#define mysql_optionsv		 libmariadb.mysql_optionsv
#define mysql_real_connect	 libmariadb.mysql_real_connect
#define mysql_real_query	 libmariadb.mysql_real_query
#define mysql_server_init	 libmariadb.mysql_server_init
#define mysql_stmt_affected_rows libmariadb.mysql_stmt_affected_rows
#define mysql_stmt_bind_param	 libmariadb.mysql_stmt_bind_param
#define mysql_stmt_bind_result	 libmariadb.mysql_stmt_bind_result
#define mysql_stmt_close	 libmariadb.mysql_stmt_close
#define mysql_stmt_errno	 libmariadb.mysql_stmt_errno
#define mysql_stmt_error	 libmariadb.mysql_stmt_error
#define mysql_stmt_execute	 libmariadb.mysql_stmt_execute
#define mysql_stmt_fetch	 libmariadb.mysql_stmt_fetch
#define mysql_stmt_fetch_column	 libmariadb.mysql_stmt_fetch_column
#define mysql_stmt_field_count	 libmariadb.mysql_stmt_field_count
#define mysql_stmt_free_result	 libmariadb.mysql_stmt_free_result
#define mysql_stmt_init		 libmariadb.mysql_stmt_init
#define mysql_stmt_param_count	 libmariadb.mysql_stmt_param_count
#define mysql_stmt_prepare	 libmariadb.mysql_stmt_prepare
