package interop

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
)

var (
	cronAtoms = strings.Split("* ? 0 1 5 7 12 15 23 24 29 30 31 32 59 60 */2 */0 */15 1-5 5-1 10/3 "+
		"jan FEB mon Sun sat-sun fri 1,2 *,3 -1 +5 05 1-5/2 *-3 */1 a , 1, 1--2 2/3/4 "+
		"99999999999 L # 60/5 0-59 1-31 1-12 0-6 0-23 ?/2 feb */20 11", " ")
	cronWords = []string{"@daily", "@hourly", "@weekly", "@monthly", "@yearly", "@annually",
		"@midnight", "@reboot", "@Daily", "@every 1h", "@every 90s", "@every 1.5h", "@every -1s",
		"@every 1h30m5s", "@every 0", "@every .5m", "@every 5", "@every 1us", "@every 3000000h",
		"@every 100000h", "@every 1e3s", "@every  1s"}
	cronZones = []string{"", "", "", "", "CRON_TZ=UTC ", "TZ=UTC ", "TZ= ", "CRON_TZ=UTC  ",
		"TZ=UTC", "CRON_TZ=Asia/Kathmandu ", " "}
)

// Mostly expressions, partly nonsense.
func randomCron(r *rand.Rand) string {
	var spec string
	if r.Intn(10) == 0 {
		spec = cronWords[r.Intn(len(cronWords))]
	} else {
		fields := make([]string, []int{5, 5, 5, 5, 5, 5, 4, 6}[r.Intn(8)])
		for i := range fields {
			fields[i] = "*"
			if r.Intn(3) > 0 {
				fields[i] = cronAtoms[r.Intn(len(cronAtoms))]
			}
		}
		spec = strings.Join(fields, " ")
	}
	spec = cronZones[r.Intn(len(cronZones))] + spec + []string{"", "", "", " ", "\t"}[r.Intn(5)]
	if r.Intn(5) == 0 && len(spec) > 0 {
		// A letter in place of another, but no second slash: a zone's name is a path to Go,
		// and to gofer is not.
		at := r.Intn(len(spec))
		spec = spec[:at] + string("0123456789*-,@? abz+."[r.Intn(21)]) + spec[at+1:]
	}
	return spec
}

// What robfig/cron says, in the words of the peer.
func cronOfGo(spec string, from time.Time) (answer string) {
	defer func() {
		if recover() != nil { // a zone and nothing after it
			answer = "refused"
		}
	}()
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return "refused"
	}
	var ticks []string
	for len(ticks) < 5 {
		from = schedule.Next(from)
		if from.IsZero() { // it looks five years ahead
			break
		}
		ticks = append(ticks, fmt.Sprint(from.UnixMilli()))
	}
	if len(ticks) == 0 {
		return "never"
	}
	return strings.Join(ticks, " ")
}

func TestCronExpressionsMeanTheSame(t *testing.T) {
	const count = 30000
	r := rand.New(rand.NewSource(1))
	from := time.UnixMilli(1795456812345).UTC()
	specs := make([]string, count)
	for i := range specs {
		specs[i] = randomCron(r)
	}
	peer := exec.Command(os.Getenv("GOFER_PEER"), "cron", fmt.Sprint(from.UnixMilli()))
	peer.Stdin = strings.NewReader(strings.Join(specs, "\n") + "\n")
	out, err := peer.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != count {
		t.Fatalf("%d answers to %d expressions", len(answers), count)
	}
	accepted, differ := 0, 0
	for i, spec := range specs {
		want, got := cronOfGo(spec, from), answers[i]
		if want != "refused" && want != "never" {
			accepted++
		}
		// gofer looks further ahead than five years, and refuses what never comes.
		if got != want && !strings.HasPrefix(got, want+" ") && !(got == "never" && want == "refused") {
			differ++
			if differ <= 10 {
				t.Errorf("%q: Asynq's parser says %s, gofer says %s", spec, want, got)
			}
		}
	}
	if accepted < count/10 || differ > 0 {
		t.Errorf("%d of %d expressions accepted, %d differ", accepted, count, differ)
	}
}
