// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	port       = 80
	targetPort = 8080
)

func ptr[T any](value T) *T { return &value }

func serviceName(number int) string { return fmt.Sprintf("svc-%06d", number) }

// serviceOf has no selector: no controller touches the slices made here.
func serviceOf(o options, number int) *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: serviceName(number)},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{
			Name: "http", Port: port, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(targetPort),
		}}},
	}
	if o.dual {
		service.Spec.IPFamilyPolicy = ptr(corev1.IPFamilyPolicyRequireDualStack)
	}
	return service
}

func slicesOf(o options, number int) []*discoveryv1.EndpointSlice {
	slices := slicesOfFamily(o, number, 4, discoveryv1.AddressTypeIPv4, netip.MustParseAddr(o.base4))
	if o.dual {
		slices = append(slices, slicesOfFamily(o, number, 6, discoveryv1.AddressTypeIPv6, netip.MustParseAddr(o.base6))...)
	}
	return slices
}

func slicesOfFamily(o options, number, family int, kind discoveryv1.AddressType, base netip.Addr) []*discoveryv1.EndpointSlice {
	var slices []*discoveryv1.EndpointSlice
	for begin := 0; begin < o.endpoints; begin += o.sliceSize {
		slice := &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Name:   fmt.Sprintf("%s-v%d-%d", serviceName(number), family, len(slices)),
				Labels: map[string]string{discoveryv1.LabelServiceName: serviceName(number), discoveryv1.LabelManagedBy: "holdfast-tests"},
			},
			AddressType: kind,
			Ports:       []discoveryv1.EndpointPort{{Name: ptr("http"), Port: ptr(int32(targetPort)), Protocol: ptr(corev1.ProtocolTCP)}},
		}
		for j := begin; j < min(begin+o.sliceSize, o.endpoints); j++ {
			slice.Endpoints = append(slice.Endpoints, endpointOf(o, number, j, base))
		}
		slices = append(slices, slice)
	}
	return slices
}

func endpointOf(o options, number, j int, base netip.Addr) discoveryv1.Endpoint {
	index := number*o.endpoints + j
	return discoveryv1.Endpoint{
		Addresses:  []string{add(base, index).String()},
		Conditions: discoveryv1.EndpointConditions{Ready: ptr(true), Serving: ptr(true), Terminating: ptr(false)},
		NodeName:   ptr(fmt.Sprintf("node-%d", index%o.nodes)),
		Zone:       ptr(string(rune('a' + index%o.nodes%3))),
		TargetRef: &corev1.ObjectReference{
			Kind: "Pod", Namespace: o.namespace, Name: fmt.Sprintf("%s-%d", serviceName(number), j),
			UID: types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012x", index)),
		},
	}
}

// add counts on from base in the last 32 bits of the address.
func add(base netip.Addr, index int) netip.Addr {
	bytes := base.AsSlice()
	tail := bytes[len(bytes)-4:]
	binary.BigEndian.PutUint32(tail, binary.BigEndian.Uint32(tail)+uint32(index))
	result, _ := netip.AddrFromSlice(bytes)
	return result
}
