// SPDX-License-Identifier: Apache-2.0

// etcdsnap saves a snapshot of a running etcd, and makes a data directory of one. An older snapshot
// served again is how a resourceVersion goes back.
//
//	etcdsnap save ENDPOINT FILE
//	etcdsnap restore FILE DATA_DIR PEER_URL
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	save "go.etcd.io/etcd/client/v3/snapshot"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

const limit = time.Minute

func run(arguments []string) error {
	switch {
	case len(arguments) == 3 && arguments[0] == "save":
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		config := clientv3.Config{Endpoints: arguments[1:2], DialTimeout: limit}
		_, err := save.SaveWithVersion(ctx, zap.NewNop(), config, arguments[2])
		return err
	case len(arguments) == 4 && arguments[0] == "restore":
		// The member's name is etcd's default, as the tests start it.
		return snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
			SnapshotPath: arguments[1], Name: "default", OutputDataDir: arguments[2],
			PeerURLs: arguments[3:4], InitialCluster: "default=" + arguments[3], InitialClusterToken: "etcd-cluster",
		})
	}
	return errors.New("usage: etcdsnap save ENDPOINT FILE | restore FILE DATA_DIR PEER_URL")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "etcdsnap:", err)
		os.Exit(1)
	}
}
