package interop

// The envelopes of docs/encryption.md, opened by Go's standard library alone: what a Go worker
// needs to read payloads that gofer has encrypted.

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
)

const (
	sealMagic = "gfe1"
	sealHead  = 4 + 8 + 16
	sealTag   = 16
)

// derive is HKDF-SHA256 of one block, which is as long as a key.
func derive(master, salt []byte, info string) []byte {
	extract := hmac.New(sha256.New, salt)
	extract.Write(master)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte(info))
	expand.Write([]byte{1})
	return expand.Sum(nil)
}

// sized is a text with its length before it.
func sized(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// open gives what is in an envelope of this kind ("payload", "result", "checkpoint").
func open(envelope []byte, kind, typ, id string, master []byte) ([]byte, error) {
	if len(envelope) < sealHead+sealTag || string(envelope[:4]) != sealMagic {
		return nil, errors.New("no envelope")
	}
	key := derive(master, envelope[12:sealHead], "gofer "+kind+" v1")
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if kind == "result" {
		typ = ""
	}
	about := bytes.Join([][]byte{envelope[:12], sized(typ), sized(id)}, nil)
	return gcm.Open(nil, make([]byte, gcm.NonceSize()), envelope[sealHead:], about)
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	out, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSealedVectorsAreOpened(t *testing.T) {
	file, err := os.ReadFile("../vectors/seal.tsv")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, line := range strings.Split(strings.TrimRight(string(file), "\n"), "\n") {
		row := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") || len(row) != 9 {
			continue
		}
		count++
		name, kind, keyID, master, typ, id := row[0], row[1], row[2], row[3], row[4], row[6]
		if row[5] == "1" { // it is bound to what several tasks have it from
			id = "\x00" + id
		}
		if kind == "unique" { // the name of a lock
			lock := hmac.New(sha256.New, derive(unhex(t, master), nil, "gofer unique v1"))
			lock.Write(append([]byte(typ+"\x00"), unhex(t, row[7])...))
			if got := lock.Sum(nil); !bytes.Equal(got, unhex(t, row[8])) {
				t.Errorf("%s: %x", name, got)
			}
			continue
		}
		envelope := unhex(t, row[8])
		if got := strings.TrimRight(string(envelope[4:12]), "\x00"); got != keyID {
			t.Errorf("%s: the key's id is %q, not %q", name, got, keyID)
		}
		plain, err := open(envelope, kind, typ, id, unhex(t, master))
		if err != nil || !bytes.Equal(plain, unhex(t, row[7])) {
			t.Errorf("%s: %x, %v", name, plain, err)
		}
		if _, err := open(envelope, kind, typ, id+"x", unhex(t, master)); err == nil {
			t.Errorf("%s: it opens in another task", name)
		}
		envelope[len(envelope)-1] ^= 1
		if _, err := open(envelope, kind, typ, id, unhex(t, master)); err == nil {
			t.Errorf("%s: it opens although it was changed", name)
		}
	}
	if count < 5 {
		t.Fatalf("%d vectors", count)
	}
}
