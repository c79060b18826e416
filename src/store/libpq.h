/* PostgreSQL's library, loaded with the first store that is there. */
#pragma once

#include "base/library.h"

#include <libpq-fe.h>

#define LIBPQ_FUNCTIONS(X)     \
	X(PQclear)             \
	X(PQcmdStatus)         \
	X(PQcmdTuples)         \
	X(PQconnectdbParams)   \
	X(PQconsumeInput)      \
	X(PQenterPipelineMode) \
	X(PQerrorMessage)      \
	X(PQfinish)            \
	X(PQflush)             \
	X(PQgetResult)         \
	X(PQgetisnull)         \
	X(PQgetlength)         \
	X(PQgetvalue)          \
	X(PQisBusy)            \
	X(PQparameterStatus)   \
	X(PQpipelineSync)      \
	X(PQresultErrorField)  \
	X(PQresultStatus)      \
	X(PQsendPrepare)       \
	X(PQsendQueryParams)   \
	X(PQsendQueryPrepared) \
	X(PQsetNoticeReceiver) \
	X(PQsetSingleRowMode)  \
	X(PQsetnonblocking)    \
	X(PQsocket)            \
	X(PQsslInUse)          \
	X(PQstatus)

LIBRARY_DECLARE(libpq, LIBPQ_FUNCTIONS)

#define PQclear		    libpq.PQclear
#define PQcmdStatus	    libpq.PQcmdStatus
#define PQcmdTuples	    libpq.PQcmdTuples
#define PQconnectdbParams   libpq.PQconnectdbParams
#define PQconsumeInput	    libpq.PQconsumeInput
#define PQenterPipelineMode libpq.PQenterPipelineMode
#define PQerrorMessage	    libpq.PQerrorMessage
#define PQfinish	    libpq.PQfinish
#define PQflush		    libpq.PQflush
#define PQgetResult	    libpq.PQgetResult
#define PQgetisnull	    libpq.PQgetisnull
#define PQgetlength	    libpq.PQgetlength
#define PQgetvalue	    libpq.PQgetvalue
#define PQisBusy	    libpq.PQisBusy
#define PQparameterStatus   libpq.PQparameterStatus
#define PQpipelineSync	    libpq.PQpipelineSync
#define PQresultErrorField  libpq.PQresultErrorField
#define PQresultStatus	    libpq.PQresultStatus
#define PQsendPrepare	    libpq.PQsendPrepare
#define PQsendQueryParams   libpq.PQsendQueryParams
#define PQsendQueryPrepared libpq.PQsendQueryPrepared
#define PQsetNoticeReceiver libpq.PQsetNoticeReceiver
#define PQsetSingleRowMode  libpq.PQsetSingleRowMode
#define PQsetnonblocking    libpq.PQsetnonblocking
#define PQsocket	    libpq.PQsocket
#define PQsslInUse	    libpq.PQsslInUse
#define PQstatus	    libpq.PQstatus
