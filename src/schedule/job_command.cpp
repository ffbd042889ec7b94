// The type warden.job_command: a command and the role that runs it.
//
// The invariant: no function shows the command to a role that has neither the owner's rights nor pg_read_all_stats. The
// text is sealed with a secret of the database, because the server has operators (*=, *<) that compare the bytes of any
// type: whoever may read a column and write a value of its type finds out by halves what is in it.  All that can be
// seen is the length.
#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "catalog/pg_authid_d.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "utils/acl.h"
}

using namespace warden;
using namespace warden::pg;

namespace {

constexpr std::string_view hidden = "<insufficient privilege>";

struct JobCommand {
	int32 header; // of a varlena
	Oid owner;
	uint8 nonce[16]; // random, so that equal texts are not equal
	char text[FLEXIBLE_ARRAY_MEMBER];
};

constexpr size_t text_offset = offsetof(JobCommand, text);

constinit Statement find_secret{"SELECT secret FROM warden.schedule_secret"};

std::string read_secret() {
	const AsExtension as;
	Spi spi;
	for (const auto &[secret] : spi.query<std::string_view>(find_secret)) {
		return std::string(secret);
	}
	throw Error(ERRCODE_DATA_CORRUPTED, "the secret of warden.job_command is missing");
}

// The rest is server code.

// Seals a text, or opens it again: each 32 bytes of it are combined with HMAC-SHA-256 of the nonce and their number.
void seal(JobCommand *command, size_t size, const char *secret) {
	pg_hmac_ctx *const hmac = pg_hmac_create(PG_SHA256);
	if (hmac == nullptr) {
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	}
	uint8 block[PG_SHA256_DIGEST_LENGTH];
	for (uint32 at = 0; at < size; at += sizeof block) {
		CHECK_FOR_INTERRUPTS();
		if (pg_hmac_init(hmac, reinterpret_cast<const uint8 *>(secret), strlen(secret)) < 0 ||
		    pg_hmac_update(hmac, command->nonce, sizeof command->nonce) < 0 ||
		    pg_hmac_update(hmac, reinterpret_cast<const uint8 *>(&at), sizeof at) < 0 ||
		    pg_hmac_final(hmac, block, sizeof block) < 0) {
			pg_hmac_free(hmac);
			elog(ERROR, "could not seal a command");
		}
		for (size_t i = 0; i < sizeof block && at + i < size; ++i) {
			command->text[at + i] = static_cast<char>(command->text[at + i] ^ block[i]);
		}
	}
	pg_hmac_free(hmac);
}

Datum make(Oid owner, const char *text, size_t length, const char *secret) {
	auto *const command = static_cast<JobCommand *>(palloc0(text_offset + length));
	SET_VARSIZE(command, text_offset + length);
	command->owner = owner;
	if (!pg_strong_random(command->nonce, sizeof command->nonce)) {
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"));
	}
	memcpy(command->text, text, length);
	seal(command, length, secret);
	return PointerGetDatum(command);
}

bool may_read(Oid owner) {
	return has_privs_of_role(GetUserId(), owner) || has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

const JobCommand *get(Datum datum) {
	return reinterpret_cast<const JobCommand *>(PG_DETOAST_DATUM(datum));
}

std::string_view open_text(Datum datum, const char *secret) {
	auto *const command = reinterpret_cast<JobCommand *>(PG_DETOAST_DATUM_COPY(datum));
	const size_t length = VARSIZE(command) - text_offset;
	seal(command, length, secret);
	return {command->text, length};
}

// Where the name of the role ends that a text begins with; the name may be quoted.
const char *end_of_role(const char *text) {
	if (*text != '"') {
		return strchr(text, '=');
	}
	for (const char *quote = strchr(text + 1, '"'); quote != nullptr; quote = strchr(quote + 2, '"')) {
		if (quote[1] != '"') {
			return quote[1] == '=' ? quote + 1 : nullptr;
		}
	}
	return nullptr;
}

Oid role_of(const char *text, const char *end) {
	if (end == text + 1 && *text == '-') {
		return InvalidOid;
	}
	char *const name = static_cast<char *>(palloc(static_cast<size_t>(end - text) + 1));
	char *to = name;
	const bool quoted = *text == '"';
	for (const char *at = quoted ? text + 1 : text; at < (quoted ? end - 1 : end); ++at) {
		*to++ = *at;
		at += quoted && *at == '"' ? 1 : 0;
	}
	*to = '\0';
	return get_role_oid(name, true);
}

const char *after_role(const char *text) {
	const char *const end = end_of_role(text);
	if (end == nullptr) {
		ereport(ERROR, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
		        errmsg("invalid input syntax for type %s", "warden.job_command"),
		        errdetail("It is a role, \"=\", and a command."));
	}
	return end;
}

} // namespace

/// job_command_in(text cstring) returns warden.job_command
PG_FUNCTION(job_command_in) {
	const char *const text = PG_GETARG_CSTRING(0);
	const char *const end = call(after_role, text);
	const std::string secret = read_secret();
	return call([&] { return make(role_of(text, end), end + 1, strlen(end + 1), secret.c_str()); });
}

/// job_command_out(command warden.job_command) returns cstring
PG_FUNCTION(job_command_out) {
	const Datum datum = PG_GETARG_DATUM(0);
	const Oid owner = call([&] { return get(datum)->owner; });
	// Where changes are decoded for logical replication, nothing can be read but the catalogue.
	const bool visible = call([&] { return !HistoricSnapshotActive() && may_read(owner); });
	const std::string secret = visible ? read_secret() : "";
	return call([&] {
		const char *const role = GetUserNameFromId(owner, true);
		const std::string_view text = secret.empty() ? hidden : open_text(datum, secret.c_str());
		return CStringGetDatum(psprintf("%s=%.*s", role != nullptr ? quote_identifier(role) : "-",
		                                static_cast<int>(text.size()), text.data()));
	});
}

/// job_command(owner oid, command text) returns warden.job_command
PG_FUNCTION(job_command_make) {
	const auto owner = argument<Oid>(fcinfo, 0);
	const auto text = argument<std::string_view>(fcinfo, 1);
	const std::string secret = read_secret();
	return call([&] { return make(owner, text.data(), text.size(), secret.c_str()); });
}

/// job_owner(command warden.job_command) returns oid
PG_FUNCTION(job_owner) {
	return call([&] { return ObjectIdGetDatum(get(PG_GETARG_DATUM(0))->owner); });
}

/// job_text(command warden.job_command) returns text
PG_FUNCTION(job_text) {
	const Datum datum = PG_GETARG_DATUM(0);
	const bool visible = call([&] { return may_read(get(datum)->owner); });
	const std::string secret = visible ? read_secret() : "";
	return call([&] {
		const std::string_view text = visible ? open_text(datum, secret.c_str()) : hidden;
		return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
	});
}
