// SPDX-License-Identifier: Apache-2.0

// seed fills a cluster with Services and their EndpointSlices, many at a time, as fast as the API
// server takes them. Names and addresses follow from the numbers alone, so that a test can say what
// must be there:
//
//	service I                 svc-00000I, port 80 "http" to 8080
//	its slice K of family F   svc-00000I-vF-K, of at most -slice-size endpoints
//	its endpoint J            base + I*endpoints + J; uid 00000000-0000-4000-8000-<I*endpoints+J in hex>
package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

type options struct {
	kubeconfig, namespace, base4, base6 string
	first, services, endpoints          int
	sliceSize, nodes, workers           int
	dual, remove                        bool
}

func parse() options {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "the kubeconfig of an administrator")
	flag.StringVar(&o.namespace, "namespace", "default", "made where it is missing")
	flag.StringVar(&o.base4, "base", "10.128.0.0", "address of the first endpoint")
	flag.StringVar(&o.base6, "base6", "fd10:128::", "the same for IPv6")
	flag.IntVar(&o.first, "first", 0, "number of the first service")
	flag.IntVar(&o.services, "services", 1000, "how many")
	flag.IntVar(&o.endpoints, "endpoints", 10, "of each service")
	flag.IntVar(&o.sliceSize, "slice-size", 100, "endpoints in a slice; the API allows 1000")
	flag.IntVar(&o.nodes, "nodes", 10, "endpoints are spread over node-0, node-1 ... and zones a, b, c")
	flag.IntVar(&o.workers, "workers", 16, "requests at a time")
	flag.BoolVar(&o.dual, "dual-stack", false, "IPv6 beside IPv4")
	flag.BoolVar(&o.remove, "remove", false, "delete these services and their slices instead")
	flag.Parse()
	return o
}

// work is one service, made or removed; an object that is there (or gone) already is no error, so that
// a seed can be repeated.
func work(ctx context.Context, client kubernetes.Interface, o options, number int) error {
	slices := slicesOf(o, number)
	services, endpointSlices := client.CoreV1().Services(o.namespace), client.DiscoveryV1().EndpointSlices(o.namespace)
	if o.remove {
		if err := services.Delete(ctx, serviceName(number), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		for _, slice := range slices {
			if err := endpointSlices.Delete(ctx, slice.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
		return nil
	}
	if _, err := services.Create(ctx, serviceOf(o, number), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	for _, slice := range slices {
		if _, err := endpointSlices.Create(ctx, slice, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

func run(o options) error {
	for _, base := range []string{o.base4, o.base6} {
		if _, err := netip.ParseAddr(base); err != nil {
			return fmt.Errorf("-base: %w", err)
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // no limit of the client's own
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx := context.Background()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: o.namespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	numbers, failures := make(chan int), make(chan error, o.workers)
	var workers sync.WaitGroup
	for range o.workers {
		workers.Go(func() {
			for number := range numbers {
				if err := work(ctx, client, o, number); err != nil {
					failures <- fmt.Errorf("service %s: %w", serviceName(number), err)
					return
				}
			}
		})
	}
	err = hand(numbers, failures, o)
	workers.Wait()
	select {
	case failure := <-failures:
		return failure
	default:
		return err
	}
}

// hand gives out the numbers and stops at the first failure.
func hand(numbers chan<- int, failures <-chan error, o options) error {
	defer close(numbers)
	for number := o.first; number < o.first+o.services; number++ {
		select {
		case numbers <- number:
		case err := <-failures:
			return err
		}
	}
	return nil
}

func main() {
	o, begun := parse(), time.Now()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
	fmt.Printf("seed: %d services x %d endpoints in %.1f s\n", o.services, o.endpoints, time.Since(begun).Seconds())
}
